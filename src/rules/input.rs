//! A rule as a user wrote it: plain texts and numbers, not yet checked. [`super::check`] makes a
//! [`super::Rule`] of it or says all that is wrong.

use super::limit::Limit;
use std::time::Duration;

/// What a user says of a rule. `RuleInput::default()` is an enabled rule without a name.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleInput {
    /// Its name: unique, part of each alert's identity.
    pub name: String,
    /// Whether it is evaluated at all.
    pub enabled: bool,
    /// The rule type, as `power_unit_infeed`.
    pub rule_type: String,
    /// The trigger, as `percent_of_rated`.
    pub trigger: String,
    /// The objects that it is for.
    pub apply_to: ApplyTo,
    /// Component kinds; empty: those of the trigger.
    pub components: Vec<String>,
    /// Component indices or labels, with `*`; empty: all.
    pub indices: Vec<String>,
    /// Names of readings, with `*`; empty: the main one of its quantity, or for states all.
    pub names: Vec<String>,
    /// `>`, `>=`, `<`, `<=`, or with ranges `outside`, `inside`; for triggers that measure.
    pub operator: Option<String>,
    /// The unit of the thresholds; `None`: the base unit of what is measured.
    pub unit: Option<String>,
    /// The threshold of severity info.
    pub info: Option<LevelInput>,
    /// The threshold of severity warning.
    pub warning: Option<LevelInput>,
    /// The threshold of severity error.
    pub error: Option<LevelInput>,
    /// The threshold of severity critical.
    pub critical: Option<LevelInput>,
    /// The severity; for triggers that are states or reachability.
    pub severity: Option<String>,
    /// How many polls in a row must fail; for `power_unit_offline`.
    pub after_polls: Option<u32>,
    /// How long the condition must hold before the alert is announced; `None`: not at all.
    pub hold_for: Option<DurationInput>,
    /// How long the condition must be over before the alert is resolved; `None`: not at all.
    pub keep_firing_for: Option<DurationInput>,
    /// `keep`, `ignore` or `alert`: what it means that a reading is missing; `None`: keep.
    pub no_data: Option<String>,
    /// When an alert is taken to flap.
    pub flapping: Option<FlappingInput>,
    /// That the change of a reading is judged.
    pub rate: Option<RateInput>,
    /// That readings are judged together.
    pub group: Option<GroupInput>,
    /// When alerts may begin.
    pub schedule: Option<ScheduleInput>,
    /// How often an alert that goes on is announced anew; `None`: once.
    pub resend: Option<DurationInput>,
    /// Rated current in A, in place of the component's own.
    pub rated_current_amperes: Option<f64>,
    /// Rated active power in W, in place of the component's own.
    pub rated_active_power_watts: Option<f64>,
    /// Rated apparent power in VA, in place of the component's own.
    pub rated_apparent_power_volt_amperes: Option<f64>,
    /// What to tell whoever is woken.
    pub notes: Option<String>,
    /// A link to what to do.
    pub runbook: Option<String>,
    /// The integrations to page through; empty: the default ones.
    pub integrations: Vec<String>,
}

/// The objects that a rule is for. One alert stands for each (rule, object), never for their sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ApplyTo {
    /// All that the trigger fits, now and later.
    #[default]
    All,
    /// Chosen ones: `device`, `device/infeed`, `device/infeed/1`, each part with `*`.
    Objects(Vec<String>),
    /// Those of devices which carry all these labels; values with `*`.
    Match(Vec<(String, String)>),
}

/// The threshold of one severity, in the rule's unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LevelInput {
    /// The condition holds where a reading lies beyond it.
    pub value: Option<Limit>,
    /// It ends only where a reading lies no more beyond this; `None`: the same as `value`.
    pub clear: Option<Limit>,
}

/// When an alert is taken to flap.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlappingInput {
    /// So many begins..
    pub begins: Option<u32>,
    /// ..within this time.
    pub within: Option<DurationInput>,
}

/// That the change of a reading is judged.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RateInput {
    /// `minute` or `hour`: what the thresholds refer to.
    pub per: Option<String>,
    /// Over how long the change is measured.
    pub over: Option<DurationInput>,
}

/// That readings are judged together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupInput {
    /// Labels of devices, or `component.index`, `component.label`, `component.kind`.
    pub by: Vec<String>,
    /// `sum` or `difference`; `None`: sum.
    pub combine: Option<String>,
}

/// When alerts may begin.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScheduleInput {
    /// `mon`, `tue` .., or spans as `mon-fri`; empty: all.
    pub days: Vec<String>,
    /// `08:00`; `None`: from midnight.
    pub from: Option<String>,
    /// `18:00`; `None`: to midnight.
    pub to: Option<String>,
    /// `Europe/Amsterdam`; `None`: UTC.
    pub timezone: Option<String>,
}

/// A duration as a user writes it.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationInput {
    /// `30`: seconds.
    Seconds(f64),
    /// `"5m"`, `"1h 30m"`.
    Text(String),
}

impl From<Duration> for DurationInput {
    fn from(duration: Duration) -> Self {
        Self::Seconds(duration.as_secs_f64())
    }
}

impl Default for RuleInput {
    fn default() -> Self {
        Self {
            name: String::new(),
            enabled: true,
            rule_type: String::new(),
            trigger: String::new(),
            apply_to: ApplyTo::All,
            components: Vec::new(),
            indices: Vec::new(),
            names: Vec::new(),
            operator: None,
            unit: None,
            info: None,
            warning: None,
            error: None,
            critical: None,
            severity: None,
            after_polls: None,
            hold_for: None,
            keep_firing_for: None,
            no_data: None,
            flapping: None,
            rate: None,
            group: None,
            schedule: None,
            resend: None,
            rated_current_amperes: None,
            rated_active_power_watts: None,
            rated_apparent_power_volt_amperes: None,
            notes: None,
            runbook: None,
            integrations: Vec::new(),
        }
    }
}
