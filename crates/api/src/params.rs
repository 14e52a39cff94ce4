//! Reading parameters: from a JSON object into typed values, with every problem reported at once.
//!
//! A parameter's *type* says everything about it: `DeviceId` is required, `Option<bool>` may be left out,
//! [`Nullable<T>`] tells an absent value from `null`. Unknown parameters are ignored, because newer clients may send
//! more.

use std::ops::Deref;

use serde::Serialize;
use serde_json::Value;

use crate::problems::Problems;
use crate::schema::{Field, Kind, Schema, description};

/// A JSON object.
pub type JsonObject = serde_json::Map<String, Value>;

/// A type that a parameter can have.
pub trait Param: Sized {
    /// What a value looks like.
    fn schema() -> Schema;

    /// Reads a value that is present. Returns `None` after recording at least one problem.
    fn read(value: &Value, problems: &mut Problems) -> Option<Self>;

    /// What a missing parameter becomes; `None` makes the parameter required.
    fn absent() -> Option<Self> {
        None
    }
}

/// A struct whose fields are parameters: the parameters of an endpoint, a group that several endpoints share, or a
/// nested object.
pub trait ParamSet: Sized {
    /// The schema of each field, in order of declaration.
    fn fields() -> Vec<Field>;

    /// Reads all fields, recording every problem. Returns `None` if there was any.
    fn read_set(input: &JsonObject, problems: &mut Problems) -> Option<Self>;
}

/// An optional parameter for which `null` is a value of its own, such as "remove the name".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nullable<T> {
    /// The parameter was not sent.
    #[default]
    Absent,
    /// The parameter was sent as `null`.
    Null,
    /// The parameter was sent with a value.
    Value(T),
}

impl<T> Nullable<T> {
    /// The value, if there is one; absent and `null` are treated alike.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// The same with a reference to the value.
    pub fn as_deref(&self) -> Nullable<&T::Target>
    where
        T: Deref,
    {
        match self {
            Self::Absent => Nullable::Absent,
            Self::Null => Nullable::Null,
            Self::Value(value) => Nullable::Value(value),
        }
    }

    /// This value, or `other` if it was not sent.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Absent => other,
            sent => sent,
        }
    }

    /// As a patch: `None` leaves things as they are, `Some(None)` clears, `Some(Some(value))` sets.
    pub fn into_change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }
}

impl<T: Param> Param for Option<T> {
    fn schema() -> Schema {
        T::schema()
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::read(value, problems).map(Some) }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Param> Param for Nullable<T> {
    fn schema() -> Schema {
        T::schema().or_null()
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        if value.is_null() { Some(Self::Null) } else { T::read(value, problems).map(Self::Value) }
    }

    fn absent() -> Option<Self> {
        Some(Self::Absent)
    }
}

impl Param for bool {
    fn schema() -> Schema {
        Schema::of(Kind::Boolean)
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        value.as_bool().or_else(|| {
            problems.add_type("boolean", value);
            None
        })
    }
}

impl Param for String {
    fn schema() -> Schema {
        Schema::text(None, None)
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        read_str(value, problems).map(str::to_owned)
    }
}

impl Param for JsonObject {
    fn schema() -> Schema {
        Schema::of(Kind::JsonObject)
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        read_object(value, problems).cloned()
    }
}

impl<T: Param> Param for Vec<T> {
    fn schema() -> Schema {
        Schema::of(Kind::Array { items: Box::new(T::schema()), min_items: None, max_items: None })
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let Value::Array(elements) = value else {
            problems.add_type("array", value);
            return None;
        };
        let mut read = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            read.extend(problems.at(&index.to_string(), |inner| T::read(element, inner)));
        }
        (read.len() == elements.len()).then_some(read)
    }
}

/// An object in which an unknown name is an error: for what is ours alone, where a mistyped name must not be taken for
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strict<T>(pub T);

impl<T: Param + ParamSet> Param for Strict<T> {
    fn schema() -> Schema {
        T::schema()
    }

    fn read(value: &Value, problems: &mut Problems) -> Option<Self> {
        let fields = T::fields();
        let names = value.as_object().into_iter().flat_map(JsonObject::keys);
        let mut is_known = true;
        for name in names.filter(|name| fields.iter().all(|field| field.name != name.as_str())) {
            is_known = false;
            let known: Vec<String> = fields.iter().map(|field| format!("'{}'", field.name)).collect();
            problems.at(name, |at| at.add(format!("Unrecognized key. Expected {}", known.join(" | "))));
        }
        T::read(value, problems).filter(|_| is_known).map(Self)
    }
}

/// Reads text, or records that the value is something else.
pub(crate) fn read_str<'a>(value: &'a Value, problems: &mut Problems) -> Option<&'a str> {
    if !value.is_string() {
        problems.add_type("string", value);
    }
    value.as_str()
}

/// Reads an object, or records that the value is something else.
pub(crate) fn read_object<'a>(value: &'a Value, problems: &mut Problems) -> Option<&'a JsonObject> {
    if !value.is_object() {
        problems.add_type("object", value);
    }
    value.as_object()
}

/// Reads the parameter `name` of `input`. `default` makes it optional, and then `null` counts as absent.
pub(crate) fn read_field<T: Param>(
    input: &JsonObject,
    name: &str,
    default: Option<fn() -> T>,
    problems: &mut Problems,
) -> Option<T> {
    match (input.get(name), default) {
        (None | Some(Value::Null), Some(default)) => Some(default()),
        (Some(value), _) => problems.at(name, |inner| T::read(value, inner)),
        (None, None) => T::absent().or_else(|| {
            problems.at(name, Problems::add_required);
            None
        }),
    }
}

/// The schema of one declared parameter without a default.
pub(crate) fn plain_field<T: Param>(name: &'static str, doc: &[&str]) -> Field {
    Field { name, description: description(doc), required: T::absent().is_none(), default: None, schema: T::schema() }
}

/// The schema of one declared parameter with a default.
pub(crate) fn default_field<T: Param + Serialize>(name: &'static str, doc: &[&str], default: fn() -> T) -> Field {
    Field { required: false, default: serde_json::to_value(default()).ok(), ..plain_field::<T>(name, doc) }
}

/// Declares a struct of parameters with its schema and its reader; see [`ParamSet`].
///
/// `endpoints!` uses it for the parameters of an endpoint, and [`object!`] for groups and nested objects.
macro_rules! param_set {
    (
        $(#[doc = $doc:literal])+
        $name:ident
        groups { $( $(#[doc = $group_doc:literal])+ $group:ident : $group_ty:ty ),* $(,)? }
        params { $( $(#[doc = $param_doc:literal])+ $param:ident : $ty:ty $(= $default:expr)? ),* $(,)? }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $group_doc])+ pub $group: $group_ty, )*
            $( $(#[doc = $param_doc])+ pub $param: $ty, )*
        }

        impl $crate::params::ParamSet for $name {
            fn fields() -> Vec<$crate::schema::Field> {
                let groups: Vec<Vec<$crate::schema::Field>> =
                    vec![$( <$group_ty as $crate::params::ParamSet>::fields() ),*];
                let own: Vec<$crate::schema::Field> = vec![$(
                    $crate::params::param_field!($param, [$($param_doc),+], $ty $(, $default)?)
                ),*];
                groups.into_iter().flatten().chain(own).collect()
            }

            fn read_set(
                input: &$crate::params::JsonObject,
                problems: &mut $crate::problems::Problems,
            ) -> Option<Self> {
                let _ = (input, &problems); // an endpoint may have no parameters at all
                $( let $group = <$group_ty as $crate::params::ParamSet>::read_set(input, problems); )*
                $( let $param = $crate::params::param_read!(input, problems, $param, $ty $(, $default)?); )*
                Some(Self { $( $group: $group?, )* $( $param: $param?, )* })
            }
        }
    };
}

/// The schema of one parameter, with or without a default.
macro_rules! param_field {
    ($param:ident, [$($doc:literal),+], $ty:ty) => {
        $crate::params::plain_field::<$ty>(stringify!($param), &[$($doc),+])
    };
    ($param:ident, [$($doc:literal),+], $ty:ty, $default:expr) => {
        $crate::params::default_field::<$ty>(stringify!($param), &[$($doc),+], || $default)
    };
}

/// Reads one parameter, with or without a default.
macro_rules! param_read {
    ($input:ident, $problems:ident, $param:ident, $ty:ty) => {
        $crate::params::read_field::<$ty>($input, stringify!($param), None, $problems)
    };
    ($input:ident, $problems:ident, $param:ident, $ty:ty, $default:expr) => {
        $crate::params::read_field::<$ty>($input, stringify!($param), Some(|| $default), $problems)
    };
}

/// Declares a nested object, or a group of parameters that several endpoints share:
///
/// ```text
/// object! {
///     /// Properties that can be changed.
///     DevicePropertiesUpdate {
///         /// New name; `null` removes it.
///         name: Nullable<String>,
///     }
/// }
/// ```
macro_rules! object {
    ($(#[doc = $doc:literal])+ $name:ident { $($params:tt)* }) => {
        $crate::params::param_set! { $(#[doc = $doc])+ $name groups {} params { $($params)* } }

        impl $crate::params::Param for $name {
            fn schema() -> $crate::schema::Schema {
                let fields = <Self as $crate::params::ParamSet>::fields();
                $crate::schema::Schema::of($crate::schema::Kind::Object { fields })
            }

            fn read(value: &serde_json::Value, problems: &mut $crate::problems::Problems) -> Option<Self> {
                let object = $crate::params::read_object(value, problems)?;
                <Self as $crate::params::ParamSet>::read_set(object, problems)
            }
        }
    };
}

pub(crate) use {object, param_field, param_read, param_set};
