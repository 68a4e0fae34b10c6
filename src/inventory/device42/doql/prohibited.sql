SELECT i.softwareinuse_pk AS id, s.software_pk AS software_id, s.name AS software_name,
       i.device_fk AS device_id, d.name AS device_name, u.name AS user_name,
       i.version AS version, i.first_detected AS first_detected
FROM view_softwareinuse_v1 i
JOIN view_software_v1 s ON s.software_pk = i.software_fk
LEFT JOIN view_device_v2 d ON d.device_pk = i.device_fk
LEFT JOIN view_enduser_v1 u ON u.enduser_pk = i.enduser_fk
WHERE lower(s.software_type) = 'prohibited' AND i.softwareinuse_pk > {after}
ORDER BY i.softwareinuse_pk LIMIT {rows}
