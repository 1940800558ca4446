//! uds-delta-index
