//! The table and keys of `[[inventory]]`, as data.

use super::super::form::Form;
use super::super::limits::{
    SNAPSHOT_AGE_MOST, SNAPSHOT_LEAST, SNAPSHOT_LIMIT_MOST, SNAPSHOT_MOST, SNAPSHOT_TIMEOUT_MOST,
    SNAPSHOTS_MOST, TIMEOUT_LEAST,
};
use super::super::schema::{Key, Table};

pub(super) static INVENTORY: Table = Table {
    keys: &[
        Key::new(
            "name",
            Form::Text,
            "\"cmdb\"",
            "What you call it: unique, also among devices; the label `source` of its metrics, and what rules refer to",
        )
        .required()
        .also(&["id", "alias"]),
        Key::new("type", Form::Choice(INVENTORY_TYPES), "\"device42\"", "What it is")
            .required()
            .also(&["kind", "product"]),
        Key::new("url", Form::Url, "\"https://device42.example.net/\"", "Where its API begins, without /api")
            .also(&["address", "host", "endpoint", "base_url"]),
        Key::new(
            "path",
            Form::Path,
            "\"/var/lib/rackwarden/cmdb.json\"",
            "The file of a source of type file: .json or .csv",
        )
        .also(&["file", "filename"]),
        Key::new(
            "username",
            Form::Text,
            "\"rackwarden\"",
            "Device42, phpIPAM: the user; with auth = \"token\" the client key",
        )
        .also(&["user", "login", "client_key", "client_id"]),
        Key::new(
            "secret_file",
            Form::Path,
            "\"/etc/rackwarden/credentials.d/cmdb\"",
            "A file whose first line is the password or token",
        )
        .also(&["password_file", "token_file", "api_key_file"]),
        Key::new(
            "secret_env",
            Form::Variable,
            "\"CMDB_TOKEN\"",
            "An environment variable that holds the password or token",
        )
        .also(&["password_env", "token_env"]),
        Key::new(
            "secret_credential",
            Form::Text,
            "\"cred_cmdb\"",
            "A systemd credential (`LoadCredential=`) that holds the password or token",
        ),
        Key::new("secret", Form::Secret, "\"s3cret-token\"", "The password or token itself, in clear").also(&[
            "password",
            "token",
            "api_token",
            "api_key",
            "client_secret",
            "app_code",
        ]),
        Key::new(
            "auth",
            Form::Choice(INVENTORY_AUTHS),
            "\"token\"",
            "Device42: HTTP Basic, or a short-lived token that is minted before each snapshot",
        )
        .default("\"basic\""),
        Key::new("app", Form::Text, "\"rackwarden\"", "phpIPAM: the API application's id").also(&["app_id"]),
        Key::new(
            "kinds",
            Form::Texts,
            "[\"subnet\", \"power_unit\"]",
            "What is taken, of what the source has; everything if you say nothing",
        )
        .also(&["objects", "only", "include"]),
        Key::new(
            "software_types",
            Form::Texts,
            "[\"managed\", \"unmanaged\"]",
            "Device42: software of these types is taken; prohibited installations are a kind of their own",
        )
        .default("[\"managed\"]"),
        Key::new(
            "interval",
            Form::Duration { least: SNAPSHOT_LEAST, most: SNAPSHOT_MOST },
            "\"15m\"",
            "How often a snapshot is taken",
        )
        .default("\"15m\"")
        .also(&["poll_interval", "refresh", "period"]),
        Key::new(
            "timeout",
            Form::Duration { least: TIMEOUT_LEAST, most: SNAPSHOT_TIMEOUT_MOST },
            "\"30s\"",
            "How long one request may take",
        )
        .default("\"30s\""),
        Key::new(
            "time_limit",
            Form::Duration { least: TIMEOUT_LEAST, most: SNAPSHOT_LIMIT_MOST },
            "\"10m\"",
            "How long a whole snapshot may take",
        )
        .default("\"10m\""),
        Key::new(
            "gone_after",
            Form::Count { least: 1, most: SNAPSHOTS_MOST },
            "3",
            "After how many whole snapshots without it an object is gone, and its alerts end",
        )
        .default("3"),
        Key::new(
            "max_age",
            Form::Duration { least: SNAPSHOT_LEAST, most: SNAPSHOT_AGE_MOST },
            "\"2d\"",
            "Type file: an older file counts as a failure; no limit if you say nothing",
        )
        .also(&["stale_after"]),
        Key::new(
            "tls_ca_file",
            Form::Path,
            "\"/etc/rackwarden/cmdb-ca.pem\"",
            "Trust the certificates in this PEM file, and no others",
        )
        .also(&["ca_file", "ca", "cacert", "ca_cert"]),
        Key::new(
            "tls_pins",
            Form::Texts,
            "[\"9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08\"]",
            "Take only certificates with these SHA-256 fingerprints, self-signed ones too",
        )
        .also(&["tls_pin", "pin", "fingerprint", "fingerprints"]),
        Key::new("tls_verify", Form::Flag, "true", "Whether its certificate is checked at all")
            .default("true")
            .also(&["verify", "verify_ssl", "insecure", "ssl_verify", "insecure_skip_verify"]),
        Key::new(
            "match_by",
            Form::Texts,
            "[\"serial\", \"name\"]",
            "How power units are matched with polled devices, to lend them labels and ratings; [] for not at all",
        )
        .default("[\"serial\", \"address\", \"name\"]"),
        Key::new(
            "labels",
            Form::Labels,
            "{ site = \"ams1\" }",
            "Your own names and values for it: metric labels, page details, and what rules match",
        )
        .also(&["tags", "metadata"]),
    ],
};

const INVENTORY_TYPES: &[&str] = &["device42", "netbox", "snipe_it", "phpipam", "file"];
const INVENTORY_AUTHS: &[&str] = &["basic", "token"];
