//! Interop with net-snmp's agent and tools.
