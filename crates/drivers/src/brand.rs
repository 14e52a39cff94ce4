//! Makers: from what a hub calls them to the contract's closed list of device types.

/// A maker in the contract's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brand {
    /// The device type on the wire.
    pub(crate) device_type: &'static str,
    /// Lower-case identifier, as filters compare it.
    pub(crate) manufacturer: String,
    /// The name for people.
    pub(crate) display_name: String,
}

/// The device type of "some lock behind a hub", for makers that the contract does not list.
const FALLBACK: &str = "smartthings_lock";

/// A word that a listed maker's name holds, its identifier and its device type.
const LISTED: [(&str, &str, &str); 27] = [
    ("akuvox", "akuvox", "akuvox_lock"),
    ("allegion", "schlage", "schlage_lock"),
    ("august", "august", "august_lock"),
    ("brivo", "brivo", "brivo_access_point"),
    ("igloohome", "igloohome", "igloohome_lock"),
    ("igloo", "igloo", "igloo_lock"),
    ("lockly", "lockly", "lockly_lock"),
    ("kwikset", "kwikset", "kwikset_lock"),
    ("nuki", "nuki", "nuki_lock"),
    ("salto", "salto", "salto_lock"),
    ("schlage", "schlage", "schlage_lock"),
    ("wyze", "wyze", "wyze_lock"),
    ("yale", "yale", "yale_lock"),
    ("controlbyweb", "controlbyweb", "controlbyweb_device"),
    ("ttlock", "ttlock", "ttlock_lock"),
    ("tedee", "tedee", "tedee_lock"),
    ("akiles", "akiles", "akiles_lock"),
    ("ultraloq", "ultraloq", "ultraloq_lock"),
    ("u-tec", "ultraloq", "ultraloq_lock"),
    ("yacan", "yacan", "yacan_lock"),
    ("keyincode", "keyincode", "keyincode_lock"),
    ("omnitec", "omnitec", "omnitec_lock"),
    ("kisi", "kisi", "kisi_lock"),
    ("aqara", "aqara", "aqara_lock"),
    ("lumi", "aqara", "aqara_lock"),
    ("doorking", "doorking", "doorking_lock"),
    ("linear", "linear", "linear_lock"),
];

/// The maker that a hub names; a lock without one is of an unknown make.
pub(crate) fn of(maker: Option<&str>) -> Brand {
    let name = maker.map(str::trim).filter(|name| !name.is_empty()).unwrap_or("Unknown");
    let lower = name.to_lowercase();
    let listed = LISTED.iter().find(|(word, _, _)| names(&lower, word));
    Brand {
        device_type: listed.map_or(FALLBACK, |(_, _, device_type)| device_type),
        manufacturer: listed.map_or_else(|| slug(&lower), |(_, manufacturer, _)| (*manufacturer).to_owned()),
        display_name: name.chars().take(100).collect(),
    }
}

/// Whether `word` stands in `name` as a word of its own.
fn names(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| {
        let before = name[..at].chars().next_back();
        let after = name[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

fn slug(lower: &str) -> String {
    let mut slug = String::new();
    for c in lower.chars().take(100) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
    }
    slug.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_makers_get_their_type_and_others_the_fallback() {
        for (maker, device_type, manufacturer) in [
            (Some("Yale"), "yale_lock", "yale"),
            (Some("Schlage Connect"), "schlage_lock", "schlage"),
            (Some("Allegion"), "schlage_lock", "schlage"),
            (Some("U-tec"), "ultraloq_lock", "ultraloq"),
            (Some("igloohome Pte"), "igloohome_lock", "igloohome"),
            (Some("LUMI"), "aqara_lock", "aqara"),
            (Some("Lumitek"), "smartthings_lock", "lumitek"),
            (Some("Onesti Products AS"), "smartthings_lock", "onesti_products_as"),
            (Some("  "), "smartthings_lock", "unknown"),
            (None, "smartthings_lock", "unknown"),
        ] {
            let brand = of(maker);
            assert_eq!((brand.device_type, brand.manufacturer.as_str()), (device_type, manufacturer), "{maker:?}");
        }
    }
}
