//! `[[inventory]]`: what each type of source needs and what it cannot use, its secret, whom it trusts.

use super::Context;
use super::place::Element;
use super::tls::{RawTls, tls};
use crate::config::form::is_loopback;
use crate::config::layer::Step;
use crate::config::limits::{INVENTORIES_MOST, NAME_CHARS_MOST};
use crate::config::raw::{RawConfig, RawInventory};
use crate::config::report::Place;
use crate::config::suggest::instead;
use crate::inventory::settings::{
    Access, FILE_KINDS, FileAccess, FileFormat, HttpAccess, InventorySettings, Login, MatchKey, Product,
};
use crate::model::{ComponentKind, Labels, Secret};
use crate::notify::settings::SecretSource;
use crate::web_client::TlsSettings;
use std::collections::HashMap;

/// All sources without a mistake.
pub(super) fn inventories(context: &mut Context<'_, '_>, raw: &RawConfig) -> Vec<InventorySettings> {
    let devices = raw.devices.iter().filter_map(|it| it.name.clone());
    let mut taken: HashMap<String, Option<Place>> = devices.map(|it| (it, None)).collect();
    let mut found = Vec::new();
    for (at, tagged) in raw.inventory.iter().enumerate() {
        let Some(element) = Element::new(&context.layers, tagged, TABLE, tagged.place) else { continue };
        if at == INVENTORIES_MOST {
            let message = format!("{} sources; {INVENTORIES_MOST} are read at most", raw.inventory.len());
            context.report.mistake(element.place(&[]), message);
            break;
        }
        let mut checks = Checks { context, element: &element, raw: tagged };
        checks.name(&mut taken);
        found.extend(checks.inventory());
    }
    found
}

/// One source under check.
struct Checks<'a, 'e, 'c, 't> {
    context: &'a mut Context<'c, 't>,
    element: &'a Element<'e, 't>,
    raw: &'a RawInventory,
}

impl Checks<'_, '_, '_, '_> {
    fn inventory(&mut self) -> Option<InventorySettings> {
        let product = match self.raw.r#type.as_deref()? {
            "file" => None,
            "device42" => Some(Product::Device42),
            "netbox" => Some(Product::NetBox),
            "snipe_it" => Some(Product::SnipeIt),
            _ => Some(Product::PhpIpam),
        };
        self.useless(product);
        self.times();
        let access = match product {
            Some(product) => self.http(product).map(Access::Http),
            None => self.file().map(Access::File),
        };
        let kinds = self.kinds(product.map_or(FILE_KINDS, Product::kinds));
        let software_types = self.words("software_types", &self.raw.software_types, &SOFTWARE_TYPES);
        let match_by = self.words("match_by", &self.raw.match_by, &MatchKey::ALL.map(MatchKey::name));
        Some(InventorySettings {
            name: self.raw.name.as_deref()?.into(),
            access: access?,
            kinds: kinds?,
            software_types: software_types?,
            interval: self.raw.interval.duration(),
            timeout: self.raw.timeout.duration(),
            time_limit: self.raw.time_limit.duration(),
            gone_after: self.raw.gone_after,
            labels: Labels::new(self.raw.labels.iter().map(|(name, it)| (name.as_str(), it.as_str()))),
            match_by: match_by?
                .iter()
                .filter_map(|it| MatchKey::ALL.into_iter().find(|key| key.name() == it))
                .collect(),
        })
    }

    fn mistake(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = self.element.key(key);
        self.context.report.mistake(place, message).help(help);
    }

    fn name(&mut self, taken: &mut HashMap<String, Option<Place>>) {
        let Some(name) = &self.raw.name else { return };
        let place = self.element.key("name");
        if let Some(bad) = name.chars().find(|it| "/*".contains(*it)) {
            let message = format!("the name \"{name}\" holds {bad}, which rules use to choose objects");
            self.mistake("name", message, "letters, digits, spaces, dots and dashes are free to use");
        }
        if NAME_CHARS_MOST < name.chars().count() {
            let message = format!("the name is longer than {NAME_CHARS_MOST} characters");
            self.mistake("name", message, "it is a label of each of its series");
        }
        match taken.insert(name.clone(), Some(place)) {
            None => (),
            Some(None) => {
                let message = format!("the name \"{name}\" is that of a device");
                self.mistake("name", message, "rules and alerts tell them apart by their names alone");
            }
            Some(Some(first)) => {
                let first = self.context.layers.shown(first);
                let message = format!("the name \"{name}\" is taken: first at {first}");
                self.mistake("name", message, "each source has a name of its own");
            }
        }
        if let Some(label) = self.raw.labels.keys().find(|it| *it == "source") {
            let place = self.element.place(&[Step::Key("labels"), Step::Key(label)]);
            let message = "the label `source` is one that inventory readings have already";
            self.context.report.mistake(place, message).help("write it as `own_source`, or another name");
        }
    }

    /// Keys that a source of this type would leave unread.
    fn useless(&mut self, product: Option<Product>) {
        let of_type = |keys: &[&'static str]| keys.to_vec();
        let useless = match product {
            None => of_type(&[
                "url",
                "username",
                "secret_file",
                "secret_env",
                "secret_credential",
                "secret",
                "auth",
                "app",
                "tls_ca_file",
                "tls_pins",
                "tls_verify",
                "software_types",
            ]),
            Some(Product::Device42) => of_type(&["path", "max_age", "app"]),
            Some(Product::NetBox | Product::SnipeIt) => {
                of_type(&["path", "max_age", "app", "username", "auth", "software_types"])
            }
            Some(Product::PhpIpam) => of_type(&["path", "max_age", "auth", "software_types"]),
        };
        let title = product.map_or("file", Product::title);
        for key in useless.into_iter().filter(|it| self.element.has(it)) {
            self.mistake(key, format!("`{key}` has no use for a source of type {title}"), "drop it");
        }
    }

    fn times(&mut self) {
        let (timeout, limit) = (self.raw.timeout.duration(), self.raw.time_limit.duration());
        if limit < timeout {
            let place =
                self.element.key(if self.element.has("time_limit") { "time_limit" } else { "timeout" });
            let message = "one request may take longer than the whole snapshot";
            self.context.report.warning(place, message).help("lengthen time_limit, or shorten timeout");
        }
    }

    fn has_said(&self, key: &str) -> bool {
        self.raw.wrong.iter().any(|it| it == key) || self.element.is_broken(self.context.report)
    }

    fn http(&mut self, product: Product) -> Option<HttpAccess> {
        let url = self.url(product);
        let tls = self.tls();
        let secret = self.secret(product);
        let login = self.login(product, secret);
        Some(HttpAccess { product, url: url?, login: login?, tls: tls?, page_rows: product.page_rows() })
    }

    fn url(&mut self, product: Product) -> Option<String> {
        let Some(url) = self.raw.url.as_deref() else {
            if !self.has_said("url") {
                let message = format!("a source of type {} needs a url", product.title());
                self.mistake("name", message, "write, say, url = \"https://cmdb.example.net/\"");
            }
            return None;
        };
        if url.starts_with("http://") && !is_loopback(url) {
            let help = format!("write url = \"{}\"", url.replacen("http://", "https://", 1));
            self.mistake("url", "the secret would travel in clear: http is for this host alone", help);
            return None;
        }
        let without_query = url.split(['?', '#']).next().unwrap_or(url);
        if without_query.len() != url.len() {
            let help = format!("write url = \"{without_query}\"");
            self.mistake("url", "`url` is where the API begins: nothing follows a ? or #", help);
            return None;
        }
        let base = without_query.trim_end_matches('/');
        let below = API_PATHS.iter().find_map(|it| base.strip_suffix(it));
        if let Some(root) = below {
            let help = format!("write url = \"{root}/\"");
            self.mistake("url", "`url` is what comes before /api", help);
            return None;
        }
        Some(format!("{base}/"))
    }

    fn tls(&mut self) -> Option<TlsSettings> {
        let raw = RawTls {
            ca_file: self.raw.tls_ca_file.as_ref(),
            pins: &self.raw.tls_pins,
            verify: self.raw.tls_verify,
            what: "source",
            shows_pin: "openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256 prints it",
        };
        tls(self.context, self.element, &raw)
    }

    fn secret(&mut self, product: Product) -> Option<Secret> {
        let raw = self.raw;
        let ways = [
            ("secret_file", raw.secret_file.clone().map(SecretSource::File)),
            ("secret_env", raw.secret_env.clone().map(SecretSource::Environment)),
            ("secret_credential", raw.secret_credential.clone().map(SecretSource::Credential)),
            ("secret", raw.secret.as_ref().map(|it| SecretSource::Inline(it.0.clone()))),
        ];
        let mut given = ways.into_iter().filter_map(|(key, source)| Some((key, source?)));
        let Some((key, source)) = given.next() else {
            let is_told = ["secret_file", "secret_env", "secret_credential", "secret"];
            if !is_told.iter().any(|it| self.has_said(it)) {
                let message = format!("a source of type {} needs a secret", product.title());
                let help = "write secret_file = \"/etc/rackwarden/credentials.d/cmdb\", or secret_env, or secret_credential";
                self.mistake("name", message, help);
            }
            return None;
        };
        if let Some((other, _)) = given.next() {
            self.mistake(
                other,
                format!("there are `{key}` and `{other}`: which of them counts?"),
                "keep one of the two",
            );
            return None;
        }
        let place = self.element.key(key);
        if matches!(source, SecretSource::Inline(_)) {
            self.context.check_inline(place);
        }
        self.context.resolve(&source, place)
    }

    fn login(&mut self, product: Product, secret: Option<Secret>) -> Option<Login> {
        let raw = self.raw;
        match product {
            Product::NetBox | Product::SnipeIt => secret.map(Login::Token),
            Product::Device42 => {
                let user = self.needed("username", raw.username.as_deref(), product);
                let (user, password) = (user?, secret?);
                Some(if raw.auth == "token" {
                    Login::Session { user, password, app: String::new() }
                } else {
                    Login::Basic { user, password }
                })
            }
            Product::PhpIpam => {
                let app = self.needed("app", raw.app.as_deref(), product);
                let app = app?;
                if !app.chars().all(|it| it.is_ascii_alphanumeric() || "-_.".contains(it)) {
                    self.mistake(
                        "app",
                        "this is no id of an application",
                        "letters, digits, - and _ are allowed",
                    );
                    return None;
                }
                Some(match raw.username.clone() {
                    Some(user) => Login::Session { user, password: secret?, app },
                    None => Login::AppCode { app, code: secret? },
                })
            }
        }
    }

    fn needed(&mut self, key: &str, value: Option<&str>, product: Product) -> Option<String> {
        if value.is_none() && !self.has_said(key) {
            let message = format!("a source of type {} needs `{key}`", product.title());
            self.mistake(
                "name",
                message,
                format!("write {key} = \"rackwarden\", or what it is called there"),
            );
        }
        value.map(str::to_owned)
    }

    fn file(&mut self) -> Option<FileAccess> {
        let Some(path) = self.raw.path.clone() else {
            if !self.has_said("path") {
                let help = "write, say, path = \"/var/lib/rackwarden/cmdb.json\"";
                self.mistake("name", "a source of type file needs a path", help);
            }
            return None;
        };
        let ending = path.extension().and_then(|it| it.to_str()).map(str::to_ascii_lowercase);
        let format = match ending.as_deref() {
            Some("json") => FileFormat::Json,
            Some("csv") => FileFormat::Csv,
            _ => {
                let help = "docs/inventory.md says what stands in such files";
                self.mistake("path", "a file of an inventory ends with .json or .csv", help);
                return None;
            }
        };
        Some(FileAccess { path, format, age_max: self.raw.max_age.map(|it| it.duration()) })
    }

    fn kinds(&mut self, all: &[ComponentKind]) -> Option<Vec<ComponentKind>> {
        let Some(named) = &self.raw.kinds else { return Some(all.to_vec()) };
        let names: Vec<&'static str> = all.iter().map(|it| it.name()).collect();
        let words = self.words("kinds", named, &names)?;
        if words.is_empty() && !self.has_said("kinds") {
            self.mistake("kinds", "nothing would be taken", format!("there are: {}", names.join(", ")));
            return None;
        }
        // In the source's own order, each once.
        Some(all.iter().copied().filter(|it| words.iter().any(|word| word == it.name())).collect())
    }

    /// The words, if all of them are known.
    fn words(&mut self, key: &'static str, words: &[String], known: &[&str]) -> Option<Vec<String>> {
        let mut is_good = true;
        for (at, word) in words.iter().enumerate().filter(|(_, it)| !known.contains(&it.as_str())) {
            is_good = false;
            let place = self.element.place(&[Step::Key(key), Step::Index(at)]);
            let message = format!("\"{word}\" is nothing that `{key}` takes here");
            self.context.report.mistake(place, message).help(instead(word, known.iter().copied()));
        }
        is_good.then(|| words.to_vec())
    }
}

const TABLE: &str = "inventory";
/// What people copy along with the address of an API.
const API_PATHS: [&str; 5] =
    ["/api/1.0", "/api/v1", "/api", "/services/data/v1.0/query", "/services/data/v1.0"];
/// Device42's.
const SOFTWARE_TYPES: [&str; 4] = ["managed", "unmanaged", "prohibited", "ignored"];

#[cfg(test)]
mod tests {
    use crate::web_client::parse_fingerprint as pin;

    #[test]
    fn pins_as_tools_print_them() {
        let plain = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let colons =
            "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08";
        let found = pin(plain).unwrap();
        assert_eq!(found[..2], [0x9f, 0x86]);
        assert_eq!(pin(colons), Some(found));
        assert_eq!(pin(&format!("sha256 Fingerprint={colons}")), Some(found));
        assert_eq!(pin(&format!("sha256:{plain}")), Some(found));
        for wrong in ["", "9f86", plain.trim_start_matches('9'), &format!("{plain}00"), "zz"] {
            assert_eq!(pin(wrong), None, "{wrong}");
        }
    }
}
