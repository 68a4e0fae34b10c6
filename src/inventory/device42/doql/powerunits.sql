SELECT p.pdu_pk AS id, p.name AS name, p.type AS type, p.rated_power AS rated_power,
       k.name AS model, v.name AS vendor, d.name AS device_name, d.serial_no AS serial_no,
       ra.name AS rack, r.name AS room, b.name AS building
FROM view_pdu_v1 p
LEFT JOIN view_pdumodel_v1 k ON k.pdumodel_pk = p.pdumodel_fk
LEFT JOIN view_vendor_v1 v ON v.vendor_pk = k.vendor_fk
LEFT JOIN view_device_v2 d ON d.device_pk = p.device_fk
LEFT JOIN view_rack_v1 ra ON ra.rack_pk = p.calculated_rack_fk
LEFT JOIN view_room_v1 r ON r.room_pk = p.calculated_room_fk
LEFT JOIN view_building_v1 b ON b.building_pk = p.calculated_building_fk
WHERE p.pdu_pk > {after}
ORDER BY p.pdu_pk LIMIT {rows}
