//! BER encoding and strict decoding of SNMP messages (X.690, RFC 3416, RFC 1157).
