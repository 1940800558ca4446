//! uds-volume
