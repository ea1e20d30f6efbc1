//! The raw attributes of a device: what FingerprintJS measured, under the names and in the types that the platform
//! publishes. The two differ in places; a component that failed, or that the published type cannot hold, is left out.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};

use super::ids;

/// Makes the published value of a component's.
type Published = fn(&Json) -> Option<Json>;

/// Components of FingerprintJS, the names the platform gives them, and their published values.
const ATTRIBUTES: [(&str, &str, Published); 24] = [
    ("fontPreferences", "font_preferences", of::<FontPreferences>),
    ("fonts", "fonts", of::<Vec<String>>),
    ("deviceMemory", "device_memory", whole),
    ("timezone", "timezone", of::<String>),
    ("canvas", "canvas", of::<Canvas>),
    ("languages", "languages", of::<Vec<Vec<String>>>),
    ("webGlExtensions", "webgl_extensions", webgl_extensions),
    ("webGlBasics", "webgl_basics", of::<WebGlBasics>),
    ("screenResolution", "screen_resolution", of::<[i64; 2]>),
    ("touchSupport", "touch_support", of::<TouchSupport>),
    ("osCpu", "oscpu", of::<String>),
    ("architecture", "architecture", of::<i64>),
    ("cookiesEnabled", "cookies_enabled", of::<bool>),
    ("hardwareConcurrency", "hardware_concurrency", of::<i64>),
    ("dateTimeLocale", "date_time_locale", of::<String>),
    ("vendor", "vendor", of::<String>),
    ("colorDepth", "color_depth", of::<i64>),
    ("platform", "platform", of::<String>),
    ("sessionStorage", "session_storage", of::<bool>),
    ("localStorage", "local_storage", of::<bool>),
    ("audio", "audio", of::<f64>),
    ("plugins", "plugins", of::<Vec<Plugin>>),
    ("indexedDB", "indexed_db", of::<bool>),
    ("math", "math", hash),
];

/// The components that were measured, as the platform publishes them.
pub(super) fn published(components: &Map<String, Json>) -> Map<String, Json> {
    ATTRIBUTES
        .into_iter()
        .filter_map(|(component, attribute, published)| {
            let value = components.get(component)?.get("value")?;
            Some((attribute.to_owned(), published(value)?))
        })
        .collect()
}

/// The value where it is of this type, with the type's names of its members.
fn of<T: DeserializeOwned + Serialize>(value: &Json) -> Option<Json> {
    let value: T = serde_json::from_value(value.clone()).ok()?;
    serde_json::to_value(value).ok()
}

/// Gigabytes of memory, published as a whole number; browsers tell parts of one as well.
fn whole(value: &Json) -> Option<Json> {
    let value = value.as_f64().filter(|value| value.is_finite())?;
    // Saturates, and no device has that much.
    Some(Json::from(value.round().max(0.0) as u64))
}

/// The platform gives a hash of the results, not the results. How it makes it is not published.
fn hash(value: &Json) -> Option<Json> {
    (!value.is_null()).then(|| Json::from(ids::stable("attribute", &value.to_string(), 32)))
}

fn webgl_extensions(value: &Json) -> Option<Json> {
    let mut published = Map::new();
    for (member, name) in [
        ("contextAttributes", "context_attributes"),
        ("parameters", "parameters"),
        ("shaderPrecisions", "shader_precisions"),
        ("extensions", "extensions"),
        ("extensionParameters", "extension_parameters"),
    ] {
        let hash = value.get(member).and_then(hash);
        published.extend(hash.map(|hash| (name.to_owned(), hash)));
    }
    let unsupported = value
        .get("unsupportedExtensions")
        .and_then(of::<Vec<String>>);
    published.extend(unsupported.map(|list| ("unsupported_extensions".to_owned(), list)));
    (!published.is_empty()).then(|| published.into())
}

/// The width of a text in the fonts that a visitor chose, in pixels.
#[derive(Deserialize, Serialize)]
struct FontPreferences {
    default: f64,
    serif: f64,
    sans: f64,
    mono: f64,
    apple: f64,
    min: f64,
    system: f64,
}

#[derive(Deserialize, Serialize)]
struct Canvas {
    winding: bool,
    geometry: String,
    text: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
struct WebGlBasics {
    version: String,
    vendor: String,
    vendor_unmasked: String,
    renderer: String,
    renderer_unmasked: String,
    shading_language_version: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"))]
struct TouchSupport {
    touch_event: bool,
    touch_start: bool,
    max_touch_points: i64,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Plugin {
    name: String,
    description: String,
    mime_types: Vec<MimeType>,
}

#[derive(Deserialize, Serialize)]
struct MimeType {
    #[serde(rename = "type")]
    name: String,
    suffixes: String,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn one(component: &str, value: &Json) -> Json {
        let components = json!({ component: { "value": value, "duration": 1 } });
        published(components.as_object().unwrap()).into()
    }

    #[rstest]
    #[case("touchSupport", json!({ "maxTouchPoints": 0, "touchEvent": false, "touchStart": true }),
        json!({ "touch_support": { "touch_event": false, "touch_start": true, "max_touch_points": 0 } }))]
    #[case("webGlBasics", json!({ "version": "1", "vendor": "2", "vendorUnmasked": "3", "renderer": "4", "rendererUnmasked": "5", "shadingLanguageVersion": "6" }),
        json!({ "webgl_basics": { "version": "1", "vendor": "2", "vendor_unmasked": "3", "renderer": "4", "renderer_unmasked": "5", "shading_language_version": "6" } }))]
    #[case("plugins", json!([{ "name": "PDF", "description": "", "mimeTypes": [{ "type": "application/pdf", "suffixes": "pdf" }] }]),
        json!({ "plugins": [{ "name": "PDF", "description": "", "mimeTypes": [{ "type": "application/pdf", "suffixes": "pdf" }] }] }))]
    #[case("deviceMemory", json!(0.5), json!({ "device_memory": 1 }))]
    #[case("deviceMemory", json!(8), json!({ "device_memory": 8 }))]
    #[case::no_webgl("webGlBasics", json!(-2), json!({}))]
    #[case::no_webgl("webGlExtensions", json!(-2), json!({}))]
    #[case::unknown_screen("screenResolution", json!([null, 1080]), json!({}))]
    #[case::unknown_locale("dateTimeLocale", json!(-3), json!({}))]
    #[case::not_measured("osCpu", Json::Null, json!({}))]
    fn an_attribute_has_its_published_name_and_type_or_is_left_out(
        #[case] component: &str,
        #[case] value: Json,
        #[case] expected: Json,
    ) {
        assert_eq!(one(component, &value), expected);
    }

    #[test]
    fn extensions_of_webgl_are_hashes_and_one_list() {
        let lists = json!({
            "contextAttributes": ["alpha=true"], "parameters": ["A=1"], "shaderPrecisions": ["P"],
            "extensions": ["E"], "extensionParameters": ["X"], "unsupportedExtensions": ["U"],
        });
        let found = one("webGlExtensions", &lists);
        let found = found["webgl_extensions"].as_object().unwrap();
        assert_eq!(found["unsupported_extensions"], json!(["U"]));
        let hashes = found
            .iter()
            .filter(|(name, _)| *name != "unsupported_extensions");
        assert_eq!(
            hashes
                .filter(|(_, hash)| hash.as_str().unwrap().len() == 32)
                .count(),
            5
        );
    }
}
