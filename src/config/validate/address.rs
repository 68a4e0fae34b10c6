//! A device's address: a DNS name or IP address, with or without a port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// Why a text is no address, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrongAddress {
    pub(super) message: String,
    pub(super) help: String,
}

/// Reads an address as a person writes it.
pub(super) fn parse(text: &str) -> Result<Address, WrongAddress> {
    let text = text.trim();
    let wrong =
        |message: &str, help: String| Err(WrongAddress { message: format!("\"{text}\" {message}"), help });
    if let Some((scheme, rest)) = text.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        return wrong(
            &format!("is a URL, and {scheme} is not spoken here"),
            format!("write address = \"{host}\""),
        );
    }
    if let Some(rest) = ["udp:", "udp6:", "tcp:"].iter().find_map(|it| text.strip_prefix(it)) {
        return wrong(
            "names a transport; devices are always asked over UDP",
            format!("write address = \"{rest}\""),
        );
    }
    if text.contains('/') {
        return wrong(
            "is a network; each device has an address of its own",
            "write one [[devices]] for each device".to_owned(),
        );
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(Address { host: text.to_owned(), port: None });
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, behind)) = rest.split_once(']') else {
            return wrong("has no closing bracket", format!("write address = \"[{rest}]\""));
        };
        if host.parse::<Ipv6Addr>().is_err() {
            return wrong(
                "holds no IPv6 address within its brackets",
                "brackets are for IPv6 alone, as \"[2001:db8::1]:161\"".to_owned(),
            );
        }
        let port = match behind.strip_prefix(':') {
            Some(port) => Some(parse_port(text, port)?),
            None if behind.is_empty() => None,
            None => return wrong("goes on behind its bracket", format!("write address = \"[{host}]:161\"")),
        };
        return Ok(Address { host: host.to_owned(), port });
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => wrong(
            "is no IPv6 address",
            "with a port, IPv6 stands in brackets: \"[2001:db8::1]:161\"".to_owned(),
        ),
        Some((host, port)) => Ok(Address { host: parse_host(host)?, port: Some(parse_port(text, port)?) }),
        None => Ok(Address { host: parse_host(text)?, port: None }),
    }
}

fn parse_host(host: &str) -> Result<String, WrongAddress> {
    let wrong = |message: &str, help: &str| {
        Err(WrongAddress { message: format!("\"{host}\" {message}"), help: help.to_owned() })
    };
    let example = "write a DNS name or an IP address, as \"pdu-a1.example.net\" or \"10.0.0.20\"";
    if host.is_empty() || HOST_BYTES_MOST < host.len() {
        return wrong("is no host name", example);
    }
    if host.chars().all(|it| it.is_ascii_digit() || it == '.') && host.parse::<Ipv4Addr>().is_err() {
        return wrong("is no IPv4 address", "write four numbers from 0 to 255, as \"10.0.0.20\"");
    }
    if host.parse::<IpAddr>().is_ok_and(|it| it.is_unspecified() || it.is_multicast()) {
        return wrong("is no address of a single device", example);
    }
    let is_label = |it: &str| {
        !it.is_empty()
            && it.len() <= LABEL_BYTES_MOST
            && !it.starts_with('-')
            && !it.ends_with('-')
            && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_')
    };
    if host.strip_suffix('.').unwrap_or(host).split('.').all(is_label) {
        Ok(host.to_owned())
    } else {
        wrong("is no host name", example)
    }
}

fn parse_port(text: &str, port: &str) -> Result<u16, WrongAddress> {
    port.parse().ok().filter(|it| *it != 0).ok_or_else(|| WrongAddress {
        message: format!("\"{text}\" has no port behind its colon"),
        help: "a port is a number from 1 to 65535; without one, 161 is used".to_owned(),
    })
}

/// RFC 1035 section 2.3.4.
const HOST_BYTES_MOST: usize = 253;
/// The same.
const LABEL_BYTES_MOST: usize = 63;

#[cfg(test)]
mod tests {
    use super::{Address, parse};

    #[test]
    fn good_ones() {
        for (text, host, port) in [
            ("10.0.0.20", "10.0.0.20", None),
            ("10.0.0.20:1161", "10.0.0.20", Some(1161)),
            ("pdu-a1", "pdu-a1", None),
            ("pdu_a1.example.net.:161", "pdu_a1.example.net.", Some(161)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            (" [::1]:162 ", "::1", Some(162)),
            ("1and1.example", "1and1.example", None),
        ] {
            assert_eq!(parse(text), Ok(Address { host: host.to_owned(), port }), "{text}");
        }
    }

    #[test]
    fn bad_ones_say_why() {
        for (text, message) in [
            ("http://pdu/", "is a URL, and http is not spoken here"),
            ("udp:pdu:161", "names a transport; devices are always asked over UDP"),
            ("10.0.0.0/24", "is a network; each device has an address of its own"),
            ("10.0.0.300", "is no IPv4 address"),
            ("10.0.0", "is no IPv4 address"),
            ("0.0.0.0", "is no address of a single device"),
            ("224.0.0.1", "is no address of a single device"),
            ("pdu a1", "is no host name"),
            ("-pdu", "is no host name"),
            ("pdu..net", "is no host name"),
            ("pdu:", "has no port behind its colon"),
            ("pdu:0", "has no port behind its colon"),
            ("pdu:70000", "has no port behind its colon"),
            ("[pdu]:161", "holds no IPv6 address within its brackets"),
            ("[::1", "has no closing bracket"),
            ("[::1]161", "goes on behind its bracket"),
            ("1:2:3:161", "is no IPv6 address"),
        ] {
            let found = parse(text).unwrap_err().message;
            assert!(found.ends_with(message), "{text}: {found}");
        }
    }
}
