//! Tells people: SNS to Slack, PagerDuty, email.
