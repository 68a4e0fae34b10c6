//! Addresses: where to listen, and URLs.

use super::text::strings;
use crate::config::check::{Checker, Spot, quoted};
use figment::value::Value;
use std::net::{IpAddr, SocketAddr};

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
    let usual_port = spot.key.example.trim_matches('"').rsplit(':').next().unwrap_or_default();
    let meant = meant(&text, usual_port).unwrap_or_else(|| spot.key.example.trim_matches('"').to_owned());
    checker
        .mistake(
            &spot.value.span(),
            format!("`{name}` takes an IP address and a port, not {}", quoted(&text)),
        )
        .help(format!("write {name} = \"{meant}\""));
    None
}

/// IP addresses alone: no names, since what comes from them is trusted further than from others, and no
/// ports, since those vary.
pub(super) fn addresses(checker: &mut Checker<'_, '_>, spot: &Spot<'_, '_>) -> Option<Value> {
    let texts = strings(checker, spot)?;
    let (name, span) = (spot.key.name, spot.value.span());
    let mut addresses = Vec::with_capacity(texts.len());
    for text in &texts {
        let parsed = text.parse::<IpAddr>().map(|it| it.to_canonical());
        match parsed {
            Ok(address) if !address.is_unspecified() && !address.is_multicast() => {
                addresses.push(address.to_string());
            }
            _ => {
                let message = format!("`{name}` takes IP addresses, and {} is none", quoted(text));
                let help = match text.parse::<SocketAddr>() {
                    Ok(with_port) => format!("without its port: \"{}\"", with_port.ip()),
                    Err(_) => format!("write {name} = {}", spot.key.example),
                };
                checker.mistake(&span, message).help(help);
            }
        }
    }
    if ADDRESSES_MOST < addresses.len() {
        let message = format!("{} addresses; {ADDRESSES_MOST} are allowed", addresses.len());
        checker.mistake(&span, message).help("name those alone that are meant");
        return None;
    }
    (addresses.len() == texts.len()).then(|| Value::from(addresses))
}

/// The address that was most likely meant.
fn meant(text: &str, usual_port: &str) -> Option<String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port),
        _ if text.parse::<u16>().is_ok() => ("", text),
        _ => (text, usual_port),
    };
    let host = match host {
        "" | "*" => "0.0.0.0",
        "localhost" => "127.0.0.1",
        other => other,
    };
    let candidates = [format!("{host}:{port}"), format!("[{host}]:{port}"), format!("[{text}]:{usual_port}")];
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
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// A multi-homed agent has a handful of interfaces, a site a handful of forwarders.
const ADDRESSES_MOST: usize = 64;
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
        let words = said("traps", "listen = \"10.0.0.1\"");
        assert!(words[0].ends_with("(help: write listen = \"10.0.0.1:162\")"), "{words:?}");
        assert_eq!(lowered("http", "listen = \"[::]:80\"", "listen").unwrap().as_str(), Some("[::]:80"));
    }

    #[test]
    fn addresses_stand_alone() {
        for (written, words) in [
            (
                "[\"10.0.0.5:162\"]",
                "`forwarders` takes IP addresses, and \"10.0.0.5:162\" is none (help: without its port: \"10.0.0.5\")",
            ),
            (
                "[\"relay\"]",
                "`forwarders` takes IP addresses, and \"relay\" is none (help: write forwarders = [\"10.0.0.5\"])",
            ),
            (
                "[\"0.0.0.0\"]",
                "`forwarders` takes IP addresses, and \"0.0.0.0\" is none (help: write forwarders = [\"10.0.0.5\"])",
            ),
            (
                "\"10.0.0.5\"",
                "`forwarders` takes a list, not a text (\"10.0.0.5\") (help: write forwarders = [\"10.0.0.5\"])",
            ),
        ] {
            assert_eq!(said("traps", &format!("forwarders = {written}")), [words], "{written}");
        }
        let lowered =
            lowered("traps", "forwarders = [\"::ffff:10.0.0.5\", \"fe80::1\"]", "forwarders").unwrap();
        let shown: Vec<_> = lowered.as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
        assert_eq!(shown, ["10.0.0.5", "fe80::1"]);
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
