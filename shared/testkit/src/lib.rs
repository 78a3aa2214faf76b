//! An in-memory cloud behind the ports, a virtual clock, faults, one conformance suite for every implementation.
