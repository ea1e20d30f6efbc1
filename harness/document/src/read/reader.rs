//! The serde deserializer over [`YamlNode`]s.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    ptr,
};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
    },
    forward_to_deserialize_any,
};

use super::{mistake::Mistake, nearest};
use crate::{
    node::{Key, Meaning, PlainScalar, Value, YamlNode},
    problem::Problem,
};

/// What the attempts at one tree share.
#[derive(Default)]
pub(super) struct Context {
    /// Values that did not fit, by address: the tree does not change while it is read.
    aside: RefCell<HashSet<usize>>,
    /// Unknown and repeated keys, by the address of the key.
    keys: RefCell<HashMap<usize, Problem>>,
}

impl Context {
    /// Leaves a value out of the next attempt. False where it was left out before.
    pub(super) fn set_aside(&self, culprit: usize) -> bool {
        self.aside.borrow_mut().insert(culprit)
    }

    /// The mistakes that did not stop an attempt.
    pub(super) fn keys(&self) -> Vec<Problem> {
        self.keys.borrow_mut().drain().map(|(_, key)| key).collect()
    }

    fn is_aside(&self, node: &YamlNode) -> bool {
        self.aside.borrow().contains(&address(node))
    }

    fn key(&self, key: &Key, message: String, help: String) {
        self.keys
            .borrow_mut()
            .entry(ptr::from_ref(key) as usize)
            .or_insert_with(|| Problem {
                message,
                at: key.at,
                label: "here".to_owned(),
                help: Some(help),
            });
    }
}

fn address(node: &YamlNode) -> usize {
    ptr::from_ref(node) as usize
}

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    node: &'a YamlNode,
    context: &'a Context,
}

impl<'a> Reader<'a> {
    pub(super) fn new(node: &'a YamlNode, context: &'a Context) -> Self {
        Self { node, context }
    }

    /// Places a mistake that no inner value has placed yet. One of a mapping as a whole follows from those in it.
    fn place(self, mut mistake: Mistake) -> Mistake {
        if mistake.at.is_none() && mistake.missing.is_none() {
            mistake.consequence |= self.has_mistakes();
        }
        if let (None, Value::Text(text)) = (mistake.at, &self.node.value)
            && mistake.message.starts_with("invalid IP")
        {
            // The standard library's words do not say what to write.
            mistake.message = format!("`{text}` is not an IP address").into();
            mistake.help = Some("write one such as `198.51.100.7` or `2001:db8::7`".to_owned());
        }
        mistake.at.get_or_insert(self.node.at);
        mistake.culprit.get_or_insert_with(|| address(self.node));
        mistake
    }

    fn expected(self, what: &str) -> Mistake {
        self.place(Mistake::new(format!(
            "expected {what}, found {}",
            self.node.kind()
        )))
    }

    fn not_kept(self, plain: &PlainScalar) -> Mistake {
        let PlainScalar { meaning, written } = plain;
        let usual = meaning.usual();
        let mut mistake = Mistake::new(format!("`{written}` would become the number `{usual}`"));
        mistake.help = Some(match meaning {
            Meaning::Float(value) if !value.is_finite() => {
                "for a text, put it in quotes".to_owned()
            }
            _ => format!("for a text, put it in quotes; for the number, write `{usual}`"),
        });
        mistake
    }

    fn entries(self, fields: Option<&'static [&'static str]>) -> Result<Entries<'a>, Mistake> {
        let entries = match &self.node.value {
            Value::Map(entries) => entries.as_slice(),
            // `ann:` with nothing behind it: everything at its default.
            value if value.is_null() => &[],
            _ => {
                let mut mistake = self.expected("a mapping");
                mistake.help = fields.map(|fields| format!("its keys: {}", fields.join(", ")));
                return Err(mistake);
            }
        };
        let mut seen = HashSet::new();
        let kept = entries
            .iter()
            .filter(|(key, node)| {
                if fields.is_some_and(|fields| !fields.contains(&key.text.as_str())) {
                    let help = nearest(&key.text, fields.unwrap_or_default());
                    let message = format!("unknown key `{}`", key.text);
                    self.context.key(key, message, help);
                    return false;
                }
                if !seen.insert(key.text.as_str()) {
                    let message = format!("`{}` is given twice", key.text);
                    self.context
                        .key(key, message, "remove one of them".to_owned());
                    return false;
                }
                !self.context.is_aside(node)
            })
            .map(|(key, node)| (key, node))
            .collect::<Vec<_>>();
        Ok(Entries {
            rest: kept.into_iter(),
            value: Cell::new(None),
            context: self.context,
        })
    }

    /// Whether a key or a value of the mapping was found to be wrong.
    fn has_mistakes(self) -> bool {
        let Value::Map(entries) = &self.node.value else {
            return false;
        };
        let keys = self.context.keys.borrow();
        let is_wrong = |key: &Key| keys.contains_key(&(ptr::from_ref(key) as usize));
        entries
            .iter()
            .any(|(key, node)| is_wrong(key) || self.context.is_aside(node))
    }

    /// Whether the missing key was written, but with a value that was set aside.
    fn was_set_aside(self, field: &str) -> bool {
        self.node
            .get(field)
            .is_some_and(|node| self.context.is_aside(node))
    }
}

/// Gives a visitor what a word means.
fn visit<'de, V: Visitor<'de>>(meaning: Meaning, visitor: V) -> Result<V::Value, Mistake> {
    match meaning {
        Meaning::Null => visitor.visit_unit(),
        Meaning::Bool(value) => visitor.visit_bool(value),
        Meaning::Integer(value) => visitor.visit_i64(value),
        Meaning::Float(value) => visitor.visit_f64(value),
    }
}

/// Where a number or a boolean is wanted, `1_000` is a thousand, and a text that spells one will do: a value that was
/// filled in is a text.
macro_rules! number_wanted {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            match &self.node.value {
                Value::Plain(plain) => visit(plain.meaning, visitor),
                Value::Text(text) => match spelled(text) {
                    Some(meaning) => visit(meaning, visitor),
                    None => visitor.visit_borrowed_str(text),
                },
                Value::List(_) | Value::Map(_) => return self.deserialize_any(visitor),
            }
            .map_err(|mistake| self.place(mistake))
        })*
    };
}

/// The number or boolean that a text spells.
fn spelled(text: &str) -> Option<Meaning> {
    let integer = || text.parse().ok().map(Meaning::Integer);
    let float = || text.parse().ok().map(Meaning::Float);
    let boolean = || text.parse().ok().map(Meaning::Bool);
    integer().or_else(float).or_else(boolean)
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Mistake;

    /// Whoever takes anything takes a number for what it is, so one that cannot be written again as it stands in the file
    /// is refused: it would silently become another.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.value {
            Value::Plain(plain) if !plain.is_kept() => Err(self.not_kept(plain)),
            Value::Plain(plain) => visit(plain.meaning, visitor),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(_) => return self.deserialize_seq(visitor),
            Value::Map(_) => return self.deserialize_map(visitor),
        }
        .map_err(|mistake| self.place(mistake))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.value.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    /// A text is what stands in the file. Types that are written as a text or as something else ask for a text too.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.node.value.as_text() {
            Some(text) => visitor
                .visit_borrowed_str(text)
                .map_err(|mistake| self.place(mistake)),
            None => self.deserialize_any(visitor).map_err(|mut mistake| {
                if self.node.value.is_null() {
                    let empty = || "for an empty text write `\"\"`".to_owned();
                    mistake.help.get_or_insert_with(empty);
                }
                mistake
            }),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let Value::List(items) = &self.node.value else {
            return Err(self.expected("a list"));
        };
        let kept: Vec<&YamlNode> = items
            .iter()
            .filter(|item| !self.context.is_aside(item))
            .collect();
        visitor
            .visit_seq(Items {
                rest: kept.into_iter(),
                context: self.context,
            })
            .map_err(|mistake| self.place(mistake))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let entries = self.entries(None)?;
        visitor
            .visit_map(entries)
            .map_err(|mistake| self.place(mistake))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let entries = self.entries(Some(fields))?;
        visitor.visit_map(entries).map_err(|mut mistake| {
            if mistake.at.is_none()
                && let Some(field) = mistake.missing
            {
                mistake.consequence = self.was_set_aside(field);
            }
            self.place(mistake)
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|mistake| self.place(mistake))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let choice = match &self.node.value {
            Value::Text(text) => Choice {
                name: text,
                content: None,
                reader: self,
            },
            Value::Map(entries) if entries.len() == 1 => Choice {
                name: &entries[0].0.text,
                content: Some(&entries[0].1),
                reader: self,
            },
            _ => {
                let mut mistake = self.expected("one word");
                mistake.help = Some(format!("one of: {}", variants.join(", ")));
                return Err(mistake);
            }
        };
        visitor
            .visit_enum(choice)
            .map_err(|mistake| self.place(mistake.of_enum(name)))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    number_wanted! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_bool
    }

    forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple_struct identifier
    }
}

struct Items<'a> {
    rest: std::vec::IntoIter<&'a YamlNode>,
    context: &'a Context,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        let reader = Reader::new(node, self.context);
        seed.deserialize(reader)
            .map(Some)
            .map_err(|mistake| reader.place(mistake))
    }
}

struct Entries<'a> {
    rest: std::vec::IntoIter<(&'a Key, &'a YamlNode)>,
    value: Cell<Option<&'a YamlNode>>,
    context: &'a Context,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((key, node)) = self.rest.next() else {
            return Ok(None);
        };
        self.value.set(Some(node));
        seed.deserialize(key.text.as_str().into_deserializer())
            .map(Some)
            .map_err(|mut mistake: Mistake| {
                mistake.at = Some(key.at);
                mistake.culprit = Some(address(node));
                mistake
            })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let Some(node) = self.value.take() else {
            return Err(Mistake::new("a value was read without its key"));
        };
        let reader = Reader::new(node, self.context);
        seed.deserialize(reader)
            .map_err(|mistake| reader.place(mistake))
    }
}

/// A word, or a word with content: `closed`, or `delay: 3s`.
struct Choice<'a> {
    name: &'a str,
    content: Option<&'a YamlNode>,
    reader: Reader<'a>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Mistake> {
        let variant = seed.deserialize(self.name.into_deserializer())?;
        Ok((variant, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<Reader<'de>, Mistake> {
        match self.content {
            Some(node) => Ok(Reader::new(node, self.reader.context)),
            None => Err(Mistake::new(format!("`{}` needs a value", self.name))),
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(Mistake::new(format!("`{}` takes no value", self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        let reader = self.content()?;
        seed.deserialize(reader)
            .map_err(|mistake| reader.place(mistake))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.content()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}
