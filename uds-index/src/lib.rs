//! uds-index
