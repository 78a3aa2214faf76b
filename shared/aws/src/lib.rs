//! The ports on AWS, one module per service.
