WITH a AS (SELECT i.subnet_fk AS subnet_fk, COUNT(*) AS used
           FROM view_ipaddress_v2 i WHERE NOT i.available GROUP BY i.subnet_fk)
SELECT s.subnet_pk AS id, s.name AS name, CAST(s.network AS VARCHAR) AS network, s.mask_bits AS mask_bits,
       CAST(s.range_begin AS VARCHAR) AS range_begin, CAST(s.range_end AS VARCHAR) AS range_end,
       s.allow_network_address AS allow_network_address, s.allow_broadcast_address AS allow_broadcast_address,
       s.parent_subnet_fk AS parent_id, s.category_name AS category, g.name AS vrf, c.name AS customer,
       COALESCE(a.used, 0) AS used
FROM view_subnet_v1 s
LEFT JOIN a ON a.subnet_fk = s.subnet_pk
LEFT JOIN view_vrfgroup_v1 g ON g.vrfgroup_pk = s.vrfgroup_fk
LEFT JOIN view_customer_v1 c ON c.customer_pk = s.customer_fk
WHERE s.subnet_pk > {after}
ORDER BY s.subnet_pk LIMIT {rows}
