//! Narrow traits between decisions and the world; no SDK here.
