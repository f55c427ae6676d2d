//! Names of keys: any bytes can be parsed, and the name of a call says what the call was.

use larder::{CacheConfig, HashAlgorithm, KeyBuilder, KeyPrivacy, ParsedKey, TextTier};

use super::input::Input;

/// 32 bytes in base64.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Of a kind that is not for language models.
const THRESHOLD: usize = 1000;
const AI_THRESHOLD: usize = 8;

/// The first byte says whether the rest is a name, a part of one, or what a name is made of.
pub fn run(input: &[u8]) {
    let mut input = Input(input);
    match input.byte() % 3 {
        0 => {
            let setting = Setting::of(&mut input);
            setting.parse(input.rest());
        }
        1 => {
            let setting = Setting::of(&mut input);
            let id = b"|id:0123456789abcdef0123456789abcdef";
            let prefix = setting.prefix();
            setting.parse(&[prefix.as_bytes(), b"op:", input.rest(), id].concat());
        }
        _ => calls(input),
    }
}

/// Settings of a kind.
struct Setting {
    kind: String,
    config: CacheConfig,
    has_prefix: bool,
    is_hashed: bool,
    threshold: usize,
}

impl Setting {
    fn of(input: &mut Input<'_>) -> Self {
        let how = input.byte();
        let has = |bit: u8| how & (1 << bit) != 0;
        let mut config = CacheConfig::builder();
        let mut threshold = THRESHOLD;
        let kind = match how % 4 {
            0 => input.text(),
            1 => "web".to_owned(),
            _ => "ai".to_owned(),
        };
        if has(1) {
            config = config.ai().text_hash_threshold(AI_THRESHOLD);
            threshold = AI_THRESHOLD;
        }
        if has(2) {
            config = config.key_privacy(KeyPrivacy::Hashed);
        }
        if has(3) {
            config = config.key_secret(SECRET);
        }
        let prefix = has(4).then(|| input.text()).filter(|it| !it.is_empty());
        if let Some(prefix) = &prefix {
            config = config.key_prefix(prefix);
        }
        let algorithm = HashAlgorithm::ALL[usize::from(how >> 6)];
        config = config.hash_algorithm(algorithm);
        Self {
            kind,
            config: config.build().expect("valid settings"),
            has_prefix: prefix.is_some(),
            is_hashed: has(2),
            threshold,
        }
    }

    /// What names of this kind begin with.
    fn prefix(&self) -> String {
        let key = KeyBuilder::new(&self.config, &self.kind, "x").and_then(KeyBuilder::build);
        let key = key.unwrap_or_default();
        key.rsplit_once("op:x|")
            .map_or("", |(prefix, _)| prefix)
            .to_owned()
    }

    /// Looks at any bytes.
    fn parse(&self, key: &[u8]) -> ParsedKey {
        let parsed = self.config.parse_key(&self.kind, key);
        let Some(operation) = &parsed.operation else {
            assert_eq!(parsed, ParsedKey::default());
            return parsed;
        };
        let text = std::str::from_utf8(key).expect("a name is text");
        let (_, id) = text.rsplit_once("|id:").expect("the id of the operation");
        let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        assert!(id.len() == 32 && id.bytes().all(is_digit), "{text:?}");
        // The prefix that the parser takes is the one that the builder gives.
        if let Ok(builder) = KeyBuilder::new(&self.config, &self.kind, operation) {
            let made = builder.build().expect("a key");
            let again = self.config.parse_key(&self.kind, &made);
            assert_eq!(again.operation.as_ref(), Some(operation));
            let prefix = self.prefix();
            assert!(text.starts_with(&prefix) && made.starts_with(&prefix));
        }
        parsed
    }
}

/// What a name is made of, apart from the kind and its settings.
#[derive(PartialEq)]
struct Call {
    operation: String,
    text: Option<String>,
    question: Option<String>,
    version: Option<String>,
    arguments: Vec<(String, String)>,
}

impl Call {
    fn of(input: &mut Input<'_>) -> Self {
        let has = input.byte();
        let mut part = |bit: u8| (has & (1 << bit) != 0).then(|| input.text());
        let mut arguments = Vec::new();
        if let Some(name) = part(0)
            && name != "question"
        {
            arguments.push((name, part(0).unwrap_or_default()));
        }
        Self {
            version: part(1),
            question: part(2),
            text: part(3),
            operation: part(4).unwrap_or_else(|| "op".to_owned()),
            arguments,
        }
    }

    /// The name, unless the operation or the kind has none.
    fn name(&self, setting: &Setting) -> Option<String> {
        let builder = KeyBuilder::new(&setting.config, &setting.kind, &self.operation);
        let has_names = !self.operation.trim().is_empty()
            && !setting.kind.trim().is_empty()
            && setting.kind != "ai_cache";
        assert_eq!(builder.is_ok(), has_names);
        let mut builder = builder.ok()?;
        for (name, value) in &self.arguments {
            builder = builder.arg(name, value);
        }
        if let Some(question) = &self.question {
            builder = builder.question(question);
        }
        if let Some(version) = &self.version {
            builder = builder.version(version);
        }
        if let Some(text) = &self.text {
            builder = builder.text(text);
        }
        Some(builder.build().expect("a key"))
    }
}

/// Two calls of one kind, and another kind.
fn calls(mut input: Input<'_>) {
    let setting = Setting::of(&mut input);
    let other_kind = input.text();
    let one = Call::of(&mut input);
    let mut other = Call::of(&mut input);
    if input.byte() % 2 == 1 {
        other.text = Some(String::from_utf8_lossy(input.rest()).into_owned());
    }
    let names = [&one, &other].map(|call| call.name(&setting));
    for (call, name) in [&one, &other].into_iter().zip(&names) {
        let Some(name) = name else { continue };
        let parsed = setting.parse(name.as_bytes());
        assert_eq!(parsed.operation.as_ref(), Some(&call.operation), "{name:?}");

        let characters = call.text.as_ref().map(|text| text.chars().count());
        let readable = characters.filter(|it| !setting.is_hashed && *it <= setting.threshold);
        assert_eq!(parsed.text_tier, readable.map(TextTier::of), "{name:?}");

        let own = name.strip_prefix(&setting.prefix()).expect("the prefix");
        assert!(!own.contains(char::is_control), "{name:?}");
        let is_ai = setting.kind == "ai";
        let labels = [
            Some("op"),
            call.text.as_ref().map(|_| "txt"),
            (!is_ai).then_some("args"),
            call.arguments.first().filter(|_| is_ai).map(|_| "opts"),
            call.question.as_ref().filter(|_| is_ai).map(|_| "q"),
            Some("id"),
        ];
        let found = own.split('|').filter_map(|part| part.split(':').next());
        assert!(found.eq(labels.into_iter().flatten()), "{name:?}");

        if !setting.has_prefix && other_kind != setting.kind {
            let parsed = setting.config.parse_key(&other_kind, name);
            let is_taken = other_kind == "ai_cache" && is_ai;
            assert!(is_taken || parsed == ParsedKey::default(), "{name:?}");
        }
    }
    if let [Some(first), Some(second)] = names {
        assert_eq!(first == second, one == other, "{first:?} {second:?}");
    }
}
