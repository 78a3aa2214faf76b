//! Takes recovery points on schedule.
