//! /metrics and the JSON API as a scraper sees them.

mod client;
mod fleet;
mod inventories;
mod json;
mod limits;
mod parse;
mod text;
