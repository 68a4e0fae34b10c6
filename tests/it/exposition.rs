//! /metrics and the JSON API as a scraper sees them.

mod access;
mod browser;
mod client;
mod fleet;
mod inventories;
mod json;
mod limits;
mod parse;
mod scrapes;
mod text;
