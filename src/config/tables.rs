//! Every table and key of the configuration, as data. See [`super::schema`] for what reads it.

mod alerts;
mod inventory;

use self::alerts::ALERT;
use self::inventory::INVENTORY;
use super::form::Form;
use super::limits::{
    FOR_MOST, HTTP_TIMEOUT_MOST, IN_FLIGHT_MOST, INTERVAL_LEAST, INTERVAL_MOST, RATE_MOST,
    REQUESTS_A_MINUTE_MOST, RETRIES_MOST, SPREAD_MOST, STORM_LEAST, STORM_MOST, STORM_WAIT_MOST,
    TIMEOUT_LEAST, TIMEOUT_MOST,
};
use super::schema::{Key, Table};
use std::time::Duration;

pub(super) static ROOT: Table = Table {
    keys: &[
        Key::new("version", Form::Version, "1", "The version of the configuration format that the file is written for")
            .also(&["config_version", "schema_version", "format", "apiversion"]),
        Key::table("polling", Form::Table(&POLLING), "How devices are asked, unless they say otherwise"),
        Key::table("http", Form::Table(&HTTP), "Where /metrics, the JSON API and health are served"),
        Key::table("state", Form::Table(&STATE), "Where events and open alerts are kept over restarts")
            .also(&["storage", "data", "store"]),
        Key::table("profiles", Form::Table(&PROFILES), "Where your own device profiles lie")
            .also(&["profile"]),
        Key::table(
            "traps",
            Form::Table(&TRAPS),
            "Where devices may send traps, so that they are asked at once",
        )
        .also(&["trap", "trapd", "snmptrapd", "trap_listener"]),
        Key::table("log", Form::Table(&LOG), "What is written to the log").also(&["logging", "logs"]),
        Key::table(
            "credentials",
            Form::Named(&CREDENTIAL),
            "How to be let in by agents; devices refer to these by name",
        )
        .also(&["auth", "auths", "snmp", "communities"]),
        Key::table("devices", Form::List(&DEVICE), "The devices to poll, one table each")
            .also(&["targets", "hosts", "device", "agents"]),
        Key::table(
            "integrations",
            Form::Named(&INTEGRATION),
            "Who is paged: one table a PagerDuty integration",
        )
        .also(&["pagerduty", "receivers", "notify"]),
        Key::table("paging", Form::Table(&PAGING), "What all pages have in common")
            .also(&["pager", "notification"]),
        Key::table("routes", Form::List(&ROUTE), "Which alerts go to which integrations, first match first")
            .also(&["route", "routing"]),
        Key::table(
            "maintenance",
            Form::List(&MAINTENANCE),
            "Windows in which nobody is woken; what ends is told all the same",
        )
        .also(&["maintenances", "downtime", "silences"]),
        Key::table(
            "inventory",
            Form::List(&INVENTORY),
            "Where snapshots of software, licences, subnets, parts and power units come from, one table a source",
        )
        .also(&["inventories", "sources", "source", "cmdb", "dcim", "ipam"]),
        Key::table("alerts", Form::List(&ALERT), "The alert rules, one table each")
            .also(&["rules", "rule", "alert", "alerting"]),
    ],
};

static POLLING: Table = Table {
    keys: &[
        Key::new("interval", INTERVAL, "\"30s\"", "How often each device is asked")
            .default("\"30s\"")
            .also(&["scrape_interval", "poll_interval", "period", "frequency"]),
        Key::new("timeout", TIMEOUT, "\"2s\"", "How long to wait for the answer to one request")
            .default("\"2s\"")
            .also(&["scrape_timeout"]),
        Key::new("retries", RETRIES, "2", "How often a request is repeated after its first time-out")
            .default("2")
            .also(&["retry", "attempts"]),
        Key::new(
            "requests_per_second",
            RATE,
            "100",
            "The most requests a second that one agent gets, but for short bursts; 0: no limit",
        )
        .default("100")
        .also(&["rate", "rate_limit", "max_requests_per_second"]),
        Key::new(
            "start_spread",
            Form::Duration { least: Duration::ZERO, most: SPREAD_MOST },
            "\"30s\"",
            "Over how long the first polls after a start are spread; 1 ms a device, at most an interval, if you say nothing",
        )
        .also(&["jitter", "splay"]),
    ],
};

static HTTP: Table = Table {
    keys: &[
        Key::new(
            "listen",
            Form::Listen,
            "\"127.0.0.1:10916\"",
            "IP address and port to listen on; a change needs a restart",
        )
        .default("\"0.0.0.0:10916\"")
        .also(&["address", "bind", "listen_address", "port"]),
        Key::new(
            "web_config",
            Form::Path,
            "\"/etc/rackwarden/web.yml\"",
            "A web file as Prometheus' exporters have it: TLS, users, tokens, operators; if you say nothing, everybody may read, in clear",
        )
        .also(&["web", "web_config_file", "web_file", "tls", "auth"]),
    ],
};

static STATE: Table = Table {
    keys: &[Key::new(
        "folder",
        Form::Path,
        "\"/var/lib/rackwarden\"",
        "The folder, which must survive restarts; a change needs a restart",
    )
    .default("\"/var/lib/rackwarden\"")
    .also(&["path", "dir", "directory", "data_dir"])],
};

static PROFILES: Table = Table {
    keys: &[Key::new(
        "folders",
        Form::Paths,
        "[\"/etc/rackwarden/profiles.d\"]",
        "Folders whose *.toml add to the built-in profiles; a later one wins over an earlier",
    )
    .default("[\"/etc/rackwarden/profiles.d\"]")
    .also(&["folder", "paths", "path", "dirs"])],
};

static TRAPS: Table = Table {
    keys: &[
        Key::new(
            "listen",
            Form::Listen,
            "\"0.0.0.0:162\"",
            "IP address and port to listen on for traps; nothing listens if you say nothing; a change needs a restart",
        )
        .also(&["address", "bind", "listen_address", "port"]),
        Key::new(
            "credentials",
            Form::Texts,
            "[\"traps\"]",
            "Tables under [credentials] that let traps in beside the device's own: where agents send them with another community",
        )
        .also(&["credential", "communities", "community", "users"]),
        Key::new(
            "forwarders",
            Form::Addresses,
            "[\"10.0.0.5\"]",
            "IP addresses of trap receivers that forward to us: of theirs alone, the address within the trap says which device it is of",
        )
        .also(&["forwarder", "proxies", "relays", "trusted"]),
    ],
};

static LOG: Table = Table {
    keys: &[
        Key::new("level", Form::Choice(LEVELS), "\"info\"", "The least important lines that are written")
            .default("\"info\"")
            .also(&["verbosity"]),
        Key::new(
            "format",
            Form::Choice(FORMATS),
            "\"text\"",
            "Lines for people or one JSON object a line; a change needs a restart",
        )
        .default("\"text\""),
    ],
};

static CREDENTIAL: Table = Table {
    keys: &[
        Key::new(
            "version",
            Form::Choice(VERSIONS),
            "\"2c\"",
            "The SNMP version to speak; \"3\" takes a user in place of a community",
        )
        .default("\"2c\"")
        .also(&["snmp_version"]),
        Key::new(
            "community_file",
            Form::Path,
            "\"/etc/rackwarden/credentials.d/snmp\"",
            "A file whose first line is the community",
        ),
        Key::new(
            "community_env",
            Form::Variable,
            "\"SNMP_COMMUNITY\"",
            "An environment variable that holds the community",
        ),
        Key::new(
            "community_credential",
            Form::Text,
            "\"cred_snmp\"",
            "A systemd credential (`LoadCredential=`) that holds the community",
        ),
        Key::new("community", Form::Secret, "\"rack-4-ro\"", "The community itself, in clear")
            .also(&["community_string", "secret"]),
        Key::new(
            "password_file",
            Form::Path,
            "\"/etc/rackwarden/credentials.d/redfish\"",
            "A file whose first line is the password of the Redfish user",
        ),
        Key::new(
            "password_env",
            Form::Variable,
            "\"REDFISH_PASSWORD\"",
            "An environment variable that holds the password of the Redfish user",
        ),
        Key::new(
            "password_credential",
            Form::Text,
            "\"cred_redfish\"",
            "A systemd credential that holds the password of the Redfish user",
        ),
        Key::new("password", Form::Secret, "\"read only, all the same\"", "That password itself, in clear")
            .also(&["pass", "passwd"]),
        Key::new(
            "user",
            Form::Text,
            "\"rackwarden\"",
            "The user of SNMPv3, as it was created at the agent; or of Redfish services, with a password",
        )
        .also(&["user_name", "username", "security_name", "securityname", "usm_user", "sec_name"]),
        Key::new(
            "level",
            Form::Choice(SECURITY_LEVELS),
            "\"authPriv\"",
            "The level of security of SNMPv3; if you say nothing, it follows from authentication and privacy",
        )
        .also(&["security_level", "securitylevel", "sec_level"]),
        Key::new(
            "authentication",
            Form::Authentication,
            "\"SHA-256\"",
            "How SNMPv3 messages are authenticated; without it, nothing proves who asks and who answers",
        )
        .also(&[
            "auth",
            "auth_protocol",
            "authentication_protocol",
            "authprotocol",
            "auth_proto",
            "authentication_type",
        ]),
        Key::new(
            "authentication_passphrase_file",
            Form::Path,
            "\"/etc/rackwarden/credentials.d/snmp-authentication\"",
            "A file whose first line is the authentication passphrase of the user",
        ),
        Key::new(
            "authentication_passphrase_env",
            Form::Variable,
            "\"SNMP_AUTHENTICATION_PASSPHRASE\"",
            "An environment variable that holds the authentication passphrase of the user",
        ),
        Key::new(
            "authentication_passphrase_credential",
            Form::Text,
            "\"cred_snmp-authentication\"",
            "A systemd credential that holds the authentication passphrase of the user",
        ),
        Key::new(
            "authentication_passphrase",
            Form::Secret,
            "\"at least eight letters\"",
            "The authentication passphrase itself, in clear",
        )
        .also(&[
            "auth_passphrase",
            "auth_password",
            "authentication_password",
            "authpassphrase",
            "authpassword",
            "auth_secret",
            "passphrase",
        ]),
        Key::new(
            "authentication_key_file",
            Form::Path,
            "\"/etc/rackwarden/credentials.d/snmp-authentication-key\"",
            "A file whose first line is the authentication key, already localized to the agent, in hexadecimal",
        ),
        Key::new(
            "authentication_key_env",
            Form::Variable,
            "\"SNMP_AUTHENTICATION_KEY\"",
            "An environment variable that holds the authentication key, already localized to the agent, in hexadecimal",
        ),
        Key::new(
            "authentication_key_credential",
            Form::Text,
            "\"cred_snmp-authentication-key\"",
            "A systemd credential that holds the authentication key, already localized to the agent, in hexadecimal",
        ),
        Key::new(
            "authentication_key",
            Form::Secret,
            "\"0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"",
            "That key itself, in clear, in place of a passphrase",
        )
        .also(&["auth_key", "authkey", "auth_localized_key", "authentication_localized_key"]),
        Key::new(
            "privacy",
            Form::Privacy,
            "\"AES-128\"",
            "How SNMPv3 messages are encrypted; it needs authentication",
        )
        .also(&[
            "priv",
            "priv_protocol",
            "privacy_protocol",
            "privprotocol",
            "priv_proto",
            "encryption",
        ]),
        Key::new(
            "privacy_passphrase_file",
            Form::Path,
            "\"/etc/rackwarden/credentials.d/snmp-privacy\"",
            "A file whose first line is the privacy passphrase of the user",
        ),
        Key::new(
            "privacy_passphrase_env",
            Form::Variable,
            "\"SNMP_PRIVACY_PASSPHRASE\"",
            "An environment variable that holds the privacy passphrase of the user",
        ),
        Key::new(
            "privacy_passphrase_credential",
            Form::Text,
            "\"cred_snmp-privacy\"",
            "A systemd credential that holds the privacy passphrase of the user",
        ),
        Key::new(
            "privacy_passphrase",
            Form::Secret,
            "\"at least eight letters\"",
            "The privacy passphrase itself, in clear",
        )
        .also(&[
            "priv_passphrase",
            "priv_password",
            "privacy_password",
            "privpassphrase",
            "privpassword",
            "priv_secret",
            "encryption_password",
        ]),
        Key::new(
            "privacy_key_file",
            Form::Path,
            "\"/etc/rackwarden/credentials.d/snmp-privacy-key\"",
            "A file whose first line is the privacy key, already localized to the agent, in hexadecimal",
        ),
        Key::new(
            "privacy_key_env",
            Form::Variable,
            "\"SNMP_PRIVACY_KEY\"",
            "An environment variable that holds the privacy key, already localized to the agent, in hexadecimal",
        ),
        Key::new(
            "privacy_key_credential",
            Form::Text,
            "\"cred_snmp-privacy-key\"",
            "A systemd credential that holds the privacy key, already localized to the agent, in hexadecimal",
        ),
        Key::new(
            "privacy_key",
            Form::Secret,
            "\"0x00112233445566778899aabbccddeeff\"",
            "That key itself, in clear, in place of a passphrase",
        )
        .also(&["priv_key", "privkey", "priv_localized_key", "privacy_localized_key"]),
        Key::new("context_name", Form::Text, "\"bank2\"", "The SNMPv3 context, where the agent has several")
            .also(&["context", "contextname"]),
        Key::new(
            "context_engine_id",
            Form::EngineId,
            "\"0x80001f8804726163\"",
            "The SNMPv3 engine that has the context, in hexadecimal, where the agent speaks for another one",
        )
        .also(&["engine_id", "engineid", "context_engine", "contextengineid"]),
    ],
};

static DEVICE: Table = Table {
    keys: &[
        Key::new(
            "name",
            Form::Text,
            "\"pdu-a1\"",
            "What you call it: unique, the label `device` of its metrics, and what rules refer to",
        )
        .required()
        .also(&["id", "alias", "hostname"]),
        Key::new(
            "address",
            Form::Text,
            "\"10.0.0.20\"",
            "Its DNS name or IP address; a port may follow: `host:1161`, `[2001:db8::1]:161`. `https://host`: a Redfish service",
        )
        .required()
        .also(&["host", "ip", "target", "url", "agent"]),
        Key::new(
            "port",
            Form::Count { least: 1, most: 65_535 },
            "161",
            "Its UDP port; 161 if the address names none either",
        ),
        Key::new("credential", Form::Text, "\"default\"", "The table under [credentials] that lets us in")
            .default("\"default\"")
            .also(&["auth", "credentials", "community"]),
        Key::new(
            "answers_from",
            Form::Addresses,
            "[\"10.0.9.20\"]",
            "Other IP addresses that its answers may come from, where it answers by another interface than it was asked at",
        )
        .also(&["answer_from", "other_addresses", "source_addresses", "answers"]),
        Key::new(
            "profile",
            Form::Text,
            "\"apc-rpdu2\"",
            "The profile to read it with; the one that fits if you say nothing",
        )
        .also(&["module", "template", "driver"]),
        Key::new(
            "interval",
            INTERVAL,
            "\"10s\"",
            "How often it is asked; [polling] interval if you say nothing",
        )
        .also(&["scrape_interval", "poll_interval"]),
        Key::new(
            "timeout",
            TIMEOUT,
            "\"2s\"",
            "How long to wait for an answer; [polling] timeout if you say nothing",
        ),
        Key::new(
            "retries",
            RETRIES,
            "2",
            "Repeats after the first time-out; [polling] retries if you say nothing",
        ),
        Key::new(
            "requests_per_second",
            RATE,
            "5",
            "The most requests a second that it gets; [polling] requests_per_second if you say nothing. A lower limit of its profile holds",
        ),
        Key::new(
            "requests_in_flight",
            Form::Count { least: 1, most: IN_FLIGHT_MOST },
            "1",
            "The most requests that it gets at a time, where its profile allows more than one",
        ),
        Key::new(
            "tls_ca_file",
            Form::Path,
            "\"/etc/rackwarden/pdu-ca.pem\"",
            "Redfish: trust the certificates in this PEM file alone",
        )
        .also(&["ca_file", "tls_ca", "cacert"]),
        Key::new(
            "tls_pins",
            Form::Texts,
            "[\"9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08\"]",
            "Redfish: take only certificates with these SHA-256 fingerprints, self-signed ones too; `rackwarden redfish pin` shows them",
        )
        .also(&["tls_pin", "pin", "fingerprint", "tls_fingerprint"]),
        Key::new(
            "tls_verify",
            Form::Flag,
            "true",
            "Redfish: `false` takes any certificate: whoever answers gets the password",
        )
        .also(&["verify", "verify_ssl", "ssl_verify"]),
        Key::new(
            "events",
            Form::Flag,
            "true",
            "Redfish: `false` leaves its event stream alone, which has it asked at once when something happens",
        )
        .also(&["sse"]),
        Key::new(
            "labels",
            Form::Labels,
            "{ site = \"ams1\", rack = \"a1\" }",
            "Your own names and values for it: metric labels, page details, and what rules match",
        )
        .also(&["tags", "metadata"]),
        Key::new(
            "parent",
            Form::Text,
            "\"gateway-1\"",
            "The device behind which it is reached: while that one is silent, this one's silence is no news",
        )
        .also(&["depends_on", "dependency", "gateway", "parents"]),
        Key::new(
            "rated_current",
            Form::Rated,
            "{ infeed = 16, bank = 10 }",
            "Rated current in A by kind of component, where the agent does not say it or says it wrong",
        )
        .also(&["rating", "rated", "rated_currents"]),
    ],
};

static INTEGRATION: Table = Table {
    keys: &[
        Key::new(
            "type",
            Form::Choice(INTEGRATION_TYPES),
            "\"pagerduty\"",
            "What it is: an Events API v2 integration of PagerDuty, a webhook, an Alertmanager (API v2)",
        )
        .required()
        .also(&["kind"]),
        Key::new(
            "routing_key_file",
            Form::Path,
            "\"/etc/rackwarden/credentials.d/pagerduty\"",
            "A file whose first line is the integration key, or what a webhook's bodies are signed with",
        ),
        Key::new(
            "routing_key_env",
            Form::Variable,
            "\"PAGERDUTY_KEY\"",
            "An environment variable that holds the key",
        ),
        Key::new(
            "routing_key_credential",
            Form::Text,
            "\"cred_pagerduty\"",
            "A systemd credential (`LoadCredential=`) that holds the key",
        ),
        Key::new(
            "routing_key",
            Form::Secret,
            "\"0123456789abcdef0123456789abcdef\"",
            "The key itself, in clear: only together with `allow_inline_key = true`",
        )
        .also(&["key", "integration_key", "service_key", "token", "api_key"]),
        Key::new("allow_inline_key", Form::Flag, "true", "That a key in clear in this file is meant")
            .default("false"),
        Key::new("region", Form::Choice(REGIONS), "\"us\"", "PagerDuty's service region of your account")
            .default("\"us\""),
        Key::new(
            "url",
            Form::Url,
            "\"https://events.eu.pagerduty.com/v2/enqueue\"",
            "Another enqueue address, instead of `region`; where a webhook or Alertmanager takes its posts",
        )
        .also(&["endpoint", "address"]),
        Key::new(
            "proxy",
            Form::Url,
            "\"http://proxy.example.net:3128\"",
            "An HTTP proxy on the way; if you say nothing, as HTTPS_PROXY says",
        )
        .also(&["proxy_url", "http_proxy", "https_proxy"]),
        Key::new(
            "ca_file",
            Form::Path,
            "\"/etc/rackwarden/ca.pem\"",
            "The only authorities (PEM) whose certificates are trusted; the system's if you say nothing",
        )
        .also(&["tls_ca_file", "ca", "cafile"]),
        Key::new(
            "requests_per_minute",
            Form::Count { least: 1, most: REQUESTS_A_MINUTE_MOST },
            "120",
            "How many requests a minute the key may send, at most",
        )
        .default("120")
        .also(&["rate", "rate_limit", "rate_limit_per_minute"]),
        Key::new(
            "timeout",
            Form::Duration { least: TIMEOUT_LEAST, most: HTTP_TIMEOUT_MOST },
            "\"10s\"",
            "How long one request may take",
        )
        .default("\"10s\""),
    ],
};

static PAGING: Table = Table {
    keys: &[
        Key::new(
            "default_integrations",
            Form::Texts,
            "[\"facilities\"]",
            "The integrations of rules that name none; all of them if you say nothing",
        )
        .also(&["integrations", "default", "default_integration"]),
        Key::new("client", Form::Text, "\"Rackwarden ams1\"", "Who sends, as the page shows it")
            .default("\"Rackwarden\""),
        Key::new(
            "client_url",
            Form::Url,
            "\"https://rackwarden.example.net/\"",
            "Where the page's link leads",
        ),
        Key::new(
            "summary",
            Form::Note,
            "\"{{ summary }} [{{ labels.site }}]\"",
            "The template of the page's one line, for rules without one; docs/rules.md has the fields",
        )
        .also(&["title", "subject"]),
        Key::new(
            "details",
            Form::Templates,
            "{ team = \"facilities\", feed = \"{{ labels.feed }}\" }",
            "Templates of further entries in the page's details, for all rules",
        )
        .also(&["custom_details", "message", "fields"]),
        Key::new("company", Form::Text, "\"Example Ltd\"", "Whose site it is: in each page's details"),
        Key::new("contact", Form::Text, "\"noc@example.net\"", "Whom to ask: in each page's details")
            .also(&["contact_email", "email"]),
        Key::new(
            "incident_per_severity",
            Form::Flag,
            "true",
            "Whether an alert that gets worse opens an incident of its own, which pages anew, and ends the one before it; else it adds to the one that is open",
        )
        .default("false"),
        Key::new(
            "storm_threshold",
            Form::Count { least: 0, most: STORM_MOST },
            "16",
            "So many alerts at one place within `storm_window` are one incident; 0: each alert is its own",
        )
        .default("16"),
        Key::new(
            "storm_window",
            Form::Duration { least: STORM_LEAST, most: FOR_MOST },
            "\"30s\"",
            "Within how long they begin; later ones are told anew",
        )
        .default("\"30s\""),
        Key::new(
            "storm_wait",
            Form::Duration { least: Duration::ZERO, most: STORM_WAIT_MOST },
            "\"2s\"",
            "How long a single alert waits for others, so that it can be one of them",
        )
        .default("\"0s\"")
        .also(&["group_wait"]),
        Key::new(
            "storm_by",
            Form::Texts,
            "[\"rack\", \"site\", \"*\"]",
            "Labels that say where an alert is, narrowest place first (several with commas); `rule`: anywhere, of one rule; `*`: anywhere at all",
        )
        .default("[\"rack\", \"room\", \"site\", \"rule\"]")
        .also(&["group_by"]),
        Key::new(
            "heartbeat_url",
            Form::Url,
            "\"https://hc-ping.example/rackwarden\"",
            "Asked for as long as all is well; whoever misses it should wake somebody",
        )
        .also(&["dead_mans_switch", "ping_url"]),
        Key::new(
            "heartbeat_interval",
            Form::Duration { least: STORM_LEAST, most: FOR_MOST },
            "\"60s\"",
            "How often",
        )
        .default("\"60s\""),
        Key::new(
            "change_events",
            Form::Flag,
            "true",
            "Whether reloads, maintenance windows, silences and changed inventories are told to PagerDuty as change events",
        )
        .default("false"),
    ],
};

const INTERVAL: Form = Form::Duration { least: INTERVAL_LEAST, most: INTERVAL_MOST };
const TIMEOUT: Form = Form::Duration { least: TIMEOUT_LEAST, most: TIMEOUT_MOST };
const RETRIES: Form = Form::Count { least: 0, most: RETRIES_MOST };
const RATE: Form = Form::Count { least: 0, most: RATE_MOST };
const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];
const FORMATS: &[&str] = &["text", "json"];
const VERSIONS: &[&str] = &["1", "2c", "3"];
const SECURITY_LEVELS: &[&str] = &["noAuthNoPriv", "authNoPriv", "authPriv"];
const REGIONS: &[&str] = &["us", "eu"];
const INTEGRATION_TYPES: &[&str] = &["pagerduty", "webhook", "alertmanager"];

static ROUTE: Table = Table {
    keys: &[
        Key::new(
            "match",
            Form::Texts,
            "[\"site=ams*\", \"rule!=lab-*\"]",
            "Labels or facts (device, rule, rule_type, severity, component, alert) and patterns that all must fit",
        )
        .default("[]")
        .also(&["matchers", "labels", "when"]),
        Key::new("least", Form::Choice(SEVERITIES), "\"error\"", "The mildest severity that it is for")
            .default("\"info\"")
            .also(&["severity", "min_severity"]),
        Key::new(
            "schedule",
            Form::Inline(&alerts::SCHEDULE),
            "{ days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\", timezone = \"Europe/Amsterdam\" }",
            "When it holds; always if you say nothing",
        ),
        Key::new("integrations", Form::Texts, "[\"facilities\"]", "Where they go").required().also(&["to"]),
        Key::new("continue", Form::Flag, "true", "Whether later routes are looked at too").default("false"),
    ],
};

static MAINTENANCE: Table = Table {
    keys: &[
        Key::new("name", Form::Text, "\"new feeds\"", "What you call it").required(),
        Key::new(
            "match",
            Form::Texts,
            "[\"site=ams1\", \"rack=A*\"]",
            "Labels or facts (device, rule, rule_type, severity, component, alert) and patterns that all must fit",
        )
        .required()
        .also(&["matchers", "labels"]),
        Key::new("start", Form::Text, "\"2026-12-01T22:00:00Z\"", "From when on: RFC 3339")
            .required()
            .also(&["starts", "from", "begin"]),
        Key::new("end", Form::Text, "\"2026-12-02T04:00:00Z\"", "Until when: RFC 3339")
            .required()
            .also(&["ends", "to", "until"]),
    ],
};

const SEVERITIES: &[&str] = &["info", "warning", "error", "critical"];
