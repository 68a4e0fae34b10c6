//! Addresses: where to listen, and URLs.

use crate::config::check::{Checker, Spot, quoted};
use figment::value::Value;
use std::net::SocketAddr;

/// Lowered to the standard text of a socket address.
pub(super) fn listen(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    use toml::de::DeValue;
    let name = spot.key.name;
    let text = match spot.value.get_ref() {
        DeValue::String(text) => text.trim().to_owned(),
        DeValue::Integer(port) => port.to_string(),
        _ => return checker.wrong_type(spot),
    };
    if let Ok(address) = text.parse::<SocketAddr>()
        && matches!(spot.value.get_ref(), DeValue::String(_))
    {
        return Some(Value::from(address.to_string()));
    }
    let meant = meant(&text).unwrap_or_else(|| spot.key.example.trim_matches('"').to_owned());
    checker
        .mistake(
            &spot.value.span(),
            format!("`{name}` takes an IP address and a port, not {}", quoted(&text)),
        )
        .help(format!("write {name} = \"{meant}\""));
    None
}

/// The address that was most likely meant.
fn meant(text: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port),
        _ if text.parse::<u16>().is_ok() => ("", text),
        _ => (text, DEFAULT_PORT),
    };
    let host = match host {
        "" | "*" => "0.0.0.0",
        "localhost" => "127.0.0.1",
        other => other,
    };
    let candidates =
        [format!("{host}:{port}"), format!("[{host}]:{port}"), format!("[{text}]:{DEFAULT_PORT}")];
    candidates.into_iter().find(|it| it.parse::<SocketAddr>().is_ok())
}

/// http is for receivers on this host only: what is sent holds keys.
pub(super) fn url(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let text = checker.text(spot)?.trim();
    let (name, span) = (spot.key.name, spot.value.span());
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if text.chars().any(|it| it.is_whitespace() || it.is_control())
        || host.is_empty()
        || text.len() > URL_BYTES_MOST
    {
        checker
            .mistake(&span, format!("`{name}` is no URL"))
            .help(format!("write {name} = {}", spot.key.example));
        return None;
    }
    if host.contains('@') {
        checker.mistake(&span, format!("`{name}` holds a user or password")).help("name the host alone");
        return None;
    }
    match scheme {
        "https" | "http" => Some(Value::from(text)),
        _ => {
            let message = format!("`{name}` takes a URL that begins with https://");
            checker.mistake(&span, message).help(format!("write {name} = \"https://{rest}\""));
            None
        }
    }
}

/// Whether a URL leads to this host, where nothing is sent over a network.
pub(in crate::config) fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// The HTTP side's own port.
const DEFAULT_PORT: &str = "10916";
/// Longer links are cut by mail and chat programs.
const URL_BYTES_MOST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::is_loopback;
    use crate::config::form::testing::{lowered, said};

    #[test]
    fn listen_says_what_was_meant() {
        for (written, meant) in [
            ("\":9000\"", "0.0.0.0:9000"),
            ("9000", "0.0.0.0:9000"),
            ("\"localhost:9000\"", "127.0.0.1:9000"),
            ("\"10.0.0.1\"", "10.0.0.1:10916"),
            ("\"::1\"", "[::1]:10916"),
            ("\"*:80\"", "0.0.0.0:80"),
            ("\"10.0.0.1:99999\"", "127.0.0.1:10916"),
        ] {
            let words = said("http", &format!("listen = {written}"));
            assert!(
                words[0].ends_with(&format!("(help: write listen = \"{meant}\")")),
                "{written}: {words:?}"
            );
        }
        assert_eq!(lowered("http", "listen = \"[::]:80\"", "listen").unwrap().as_str(), Some("[::]:80"));
    }

    #[test]
    fn urls() {
        for (text, good) in [
            ("https://a.example/x?y#z", true),
            ("http://127.0.0.1:8080/", true),
            ("a.example", false),
            ("ftp://a.example", false),
            ("https://", false),
            ("https://a b", false),
            ("https://user:secret@a.example", false),
        ] {
            assert_eq!(said("paging", &format!("client_url = \"{text}\"")).is_empty(), good, "{text}");
        }
    }

    #[test]
    fn loopback() {
        for (url, on_this_host) in [
            ("http://127.0.0.1:1/x", true),
            ("http://[::1]:1/x", true),
            ("http://localhost", true),
            ("http://127.0.0.1.example.net/", false),
            ("http://example.net/127.0.0.1", false),
        ] {
            assert_eq!(is_loopback(url), on_this_host, "{url}");
        }
    }
}
