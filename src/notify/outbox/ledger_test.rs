//! What the ledger does, case by case.
