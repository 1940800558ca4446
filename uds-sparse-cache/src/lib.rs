//! uds-sparse-cache
