//! SNMP v1 and v2c: wire format, requests, walks, and the sockets that carry them.
