//! Records in S3 with conditional writes.
