//! The layout that goes with a language: what people who speak it in that country have on their keys.

use super::layout::XkbLayout;
use crate::machine::KeyboardLayout;

/// Keyboards that are not named like the country: by locale without its character set, by language, or by `_` and the
/// country. The first that fits holds, in this order; for all others the layout has the country's name.
pub(super) const OTHERS: [(&str, &str, &str); 92] = [
    ("aa_ER", "us", ""),
    ("aa_ET", "us", ""),
    ("ar", "ara", ""),
    ("ar_DZ", "dz", "ar"),
    ("ar_EG", "eg", ""),
    ("ar_IQ", "iq", ""),
    ("ar_MA", "ma", ""),
    ("ar_SY", "sy", ""),
    ("as_IN", "in", "asm-kagapa"),
    ("ast_ES", "es", "ast"),
    ("az_IR", "ir", "azb"),
    ("be_BY@latin", "by", "latin"),
    ("ber_MA", "ma", "french"),
    ("bn_IN", "in", "ben"),
    ("bo_CN", "cn", "tib"),
    ("bo_IN", "cn", "tib"),
    ("ca_AD", "es", "cat"),
    ("ca_ES", "es", "cat"),
    ("ckb_IQ", "iq", "ku_ara"),
    ("crh_UA", "ua", "crh"),
    ("csb_PL", "pl", "csb"),
    ("cv_RU", "ru", "cv"),
    ("el", "gr", ""),
    ("en", "us", ""),
    ("en_AU", "au", ""),
    ("en_DK", "dk", ""),
    ("en_GB", "gb", ""),
    ("en_IE", "ie", ""),
    ("en_NG", "ng", ""),
    ("en_NZ", "nz", ""),
    ("en_ZA", "za", ""),
    ("es", "latam", ""),
    ("es_ES", "es", ""),
    ("es_US", "us", ""),
    ("fr_CH", "ch", "fr"),
    ("gu_IN", "in", "guj"),
    ("ik_CA", "us", ""),
    ("it_CH", "ch", "fr"),
    ("iu_CA", "ca", "ike"),
    ("kn_IN", "in", "kan"),
    ("ks_IN", "in", "urd-phonetic"),
    ("ks_IN@devanagari", "in", ""),
    ("kv_RU", "ru", "kom"),
    ("mhr_RU", "ru", "chm"),
    ("mjw_IN", "us", ""),
    ("ml_IN", "in", "mal"),
    ("mni_IN", "in", "mni"),
    ("mnw_MM", "mm", "mnw"),
    ("mr_IN", "in", "marathi"),
    ("ms_MY", "us", ""),
    ("nan_TW@latin", "us", ""),
    ("om_ET", "us", ""),
    ("or_IN", "in", "ori"),
    ("os_RU", "ru", "os_winkeys"),
    ("pa_IN", "in", "guru"),
    ("ps_AF", "af", "ps"),
    ("rif_MA", "ma", "rif"),
    ("ru", "ru", ""),
    ("sah_RU", "ru", "sah"),
    ("sd_IN", "pk", "snd"),
    ("sd_IN@devanagari", "in", ""),
    ("shn_MM", "mm", "shn"),
    ("shs_CA", "us", ""),
    ("sid_ET", "us", ""),
    ("so_ET", "us", ""),
    ("sq", "al", ""),
    ("sr_RS@latin", "rs", "latin"),
    ("ssy_ER", "us", ""),
    ("sw_TZ", "ke", ""),
    ("syr", "sy", "syc"),
    ("szl_PL", "pl", "szl"),
    ("ta_IN", "in", "tam"),
    ("ta_LK", "lk", "tam_unicode"),
    ("tcy_IN", "in", "kan"),
    ("te_IN", "in", "tel"),
    ("tr", "tr", ""),
    ("tt_RU", "ru", "tt"),
    ("tt_RU@iqtelif", "us", ""),
    ("ug_CN", "cn", "ug"),
    ("ur_IN", "in", "urd-phonetic"),
    ("uz_UZ", "uz", "latin"),
    ("uz_UZ@cyrillic", "uz", ""),
    ("vi", "us", ""),
    ("zgh_MA", "ma", "tifinagh"),
    ("_ER", "et", ""),
    ("_GL", "dk", ""),
    ("_LI", "ch", ""),
    ("_LU", "ch", "fr"),
    ("_MX", "latam", ""),
    ("_NI", "latam", ""),
    ("_NL", "us", ""),
    ("_PE", "latam", ""),
];

/// The layout for a locale, if it is one of these.
pub fn propose(language: &str, layouts: &[KeyboardLayout]) -> Option<XkbLayout> {
    let (name, modifier) = language.split_once('@').unwrap_or((language, ""));
    let tag = name.split('.').next().unwrap_or(name);
    let (language, country) = tag.split_once('_').unwrap_or((tag, ""));
    let keys = [
        format!("{tag}@{modifier}"),
        tag.to_owned(),
        language.to_owned(),
        format!("_{country}"),
    ];
    let other = keys
        .iter()
        .find_map(|wanted| OTHERS.iter().find(|(key, _, _)| key == wanted))
        .map(|(_, layout, variant)| XkbLayout::new(layout, Some(*variant).filter(|name| !name.is_empty())));
    let proposed = other.unwrap_or_else(|| XkbLayout::new(&country.to_lowercase(), None));
    is_one_of(&proposed, layouts).then_some(proposed)
}

fn is_one_of(wanted: &XkbLayout, layouts: &[KeyboardLayout]) -> bool {
    let known = layouts.iter().find(|known| known.name == wanted.layout);
    known.is_some_and(|known| {
        let variant = wanted.variant.as_ref();
        variant.is_none_or(|variant| known.variants.iter().any(|(name, _)| name == variant))
    })
}
