//! Short keys of discovery messages, and the `~` in topics.

use serde_json::{Map, Value};

/// Short and long keys, as far as locks use them.
const KEYS: [(&str, &str); 45] = [
    ("avty", "availability"),
    ("avty_mode", "availability_mode"),
    ("avty_t", "availability_topic"),
    ("avty_tpl", "availability_template"),
    ("cmd_t", "command_topic"),
    ("cmd_tpl", "command_template"),
    ("cmps", "components"),
    ("cod_form", "code_format"),
    ("def_ent_id", "default_entity_id"),
    ("dev", "device"),
    ("e", "encoding"),
    ("json_attr_t", "json_attributes_topic"),
    ("o", "origin"),
    ("obj_id", "object_id"),
    ("opt", "optimistic"),
    ("p", "platform"),
    ("pl_avail", "payload_available"),
    ("pl_lock", "payload_lock"),
    ("pl_not_avail", "payload_not_available"),
    ("pl_open", "payload_open"),
    ("pl_rst", "payload_reset"),
    ("pl_unlk", "payload_unlock"),
    ("ret", "retain"),
    ("stat_jam", "state_jammed"),
    ("stat_locked", "state_locked"),
    ("stat_locking", "state_locking"),
    ("stat_open", "state_open"),
    ("stat_opening", "state_opening"),
    ("stat_t", "state_topic"),
    ("stat_unlocked", "state_unlocked"),
    ("stat_unlocking", "state_unlocking"),
    ("t", "topic"),
    ("uniq_id", "unique_id"),
    ("val_tpl", "value_template"),
    // Of `device` and `origin`.
    ("ids", "identifiers"),
    ("cns", "connections"),
    ("mf", "manufacturer"),
    ("mdl", "model"),
    ("mdl_id", "model_id"),
    ("sw", "sw_version"),
    ("hw", "hw_version"),
    ("sn", "serial_number"),
    ("sa", "suggested_area"),
    ("cu", "configuration_url"),
    ("name", "name"),
];

/// Spells the keys of one object out.
pub(super) fn spelled_out(object: Map<String, Value>) -> Map<String, Value> {
    let long = |key: String| KEYS.iter().find(|(short, _)| *short == key).map_or(key, |(_, long)| (*long).to_owned());
    object.into_iter().map(|(key, value)| (long(key), value)).collect()
}

/// Replaces `~` at the start or end of every value whose key ends in `topic`.
pub(super) fn with_base(object: &mut Map<String, Value>, base: &str) {
    for (key, value) in object {
        if let Value::String(text) = value
            && key.ends_with("topic")
        {
            if let Some(rest) = text.strip_prefix('~') {
                *text = format!("{base}{rest}");
            }
            if let Some(rest) = text.strip_suffix('~') {
                *text = format!("{rest}{base}");
            }
        }
    }
}

/// A value as Home Assistant would compare it: as a text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
