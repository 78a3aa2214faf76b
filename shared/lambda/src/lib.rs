//! Start-up of a function: configuration, tracing, error to Diagnostic.
