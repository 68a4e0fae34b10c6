//! Names, OIDs, enumerations and units of MIB objects, over mib-rs.
