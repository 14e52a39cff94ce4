//! Thumbturn: a self-hosted smart-lock API that official Seam clients can use unchanged.
//!
//! This crate is the outermost room: HTTP, the command line, settings, the start and the end of the server. What a
//! lock is and how an attempt ends is decided in `thumbturn-core`.

pub mod admin;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connections;
pub mod http;
pub mod hubs;
pub mod keys;
pub mod limits;
pub mod logging;
pub mod metrics;
mod rest;
mod room;
pub mod serve;
pub mod setup;
pub mod tokens;
pub mod webhooks;
pub mod workspaces;
