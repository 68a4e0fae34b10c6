//! Events on their way to PagerDuty.
