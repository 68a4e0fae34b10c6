//! Whom to trust: `tls_ca_file`, `tls_pins`, `tls_verify`, wherever they stand.

use super::Context;
use super::place::Element;
use crate::config::Secrets;
use crate::config::layer::Step;
use crate::web_client::{TlsSettings, parse_fingerprint};
use std::path::PathBuf;

/// As the file has it.
pub(super) struct RawTls<'a> {
    pub(super) ca_file: Option<&'a PathBuf>,
    pub(super) pins: &'a [String],
    pub(super) verify: bool,
    /// What is asked: for a warning.
    pub(super) what: &'static str,
    /// What shows a fingerprint.
    pub(super) shows_pin: &'static str,
}

/// The settings, if there is no mistake in them.
pub(super) fn tls(
    context: &mut Context<'_, '_>,
    element: &Element<'_, '_>,
    raw: &RawTls<'_>,
) -> Option<TlsSettings> {
    let mut pins = Vec::new();
    for (at, text) in raw.pins.iter().enumerate() {
        match parse_fingerprint(text) {
            Some(pin) => pins.push(pin),
            None => {
                let place = element.place(&[Step::Key("tls_pins"), Step::Index(at)]);
                let message = "a pin is a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons";
                context.report.mistake(place, message).help(raw.shows_pin);
            }
        }
    }
    if let Some(path) = raw.ca_file.filter(|it| !it.is_file()) {
        let message = format!("there is no file {}", path.display());
        let place = element.key("tls_ca_file");
        let report = &mut *context.report;
        let finding = match context.secrets {
            Secrets::Required => report.mistake(place, message),
            Secrets::Optional => report.warning(place, message),
        };
        finding.help("name a PEM file with the certificates to trust");
    }
    if !raw.verify {
        let place = element.key("tls_verify");
        let message = format!("anybody on the way can pose as this {} and read its secret", raw.what);
        let help = "name the certificate's fingerprint in tls_pins instead: that works for self-signed ones";
        context.report.warning(place, message).help(help);
    }
    (pins.len() == raw.pins.len()).then(|| TlsSettings {
        ca_file: raw.ca_file.cloned(),
        pins,
        verify: raw.verify,
    })
}
