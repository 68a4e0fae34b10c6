//! /metrics and the JSON API as a scraper sees them.
