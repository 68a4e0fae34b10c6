//! What services of a kind have in common, held once: a thousand PDUs of a model have one plan.

use super::plan::Plan;
use std::sync::{Mutex, PoisonError};

/// Rooms have a few models each in one or two firmware versions.
const KINDS_MAX: usize = 64;

/// The last plans of each kind.
#[derive(Debug, Default)]
pub struct Kinds {
    plans: Mutex<Vec<Plan>>,
}

impl Kinds {
    /// Shares what is equal with a plan before it.
    pub fn share(&self, plan: &mut Plan) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(like) = plans.iter().find(|it| it.wiring.documents == plan.wiring.documents) {
            plan.share_with(like);
            return;
        }
        if KINDS_MAX <= plans.len() {
            plans.remove(0);
        }
        plans.push(plan.clone());
    }
}
