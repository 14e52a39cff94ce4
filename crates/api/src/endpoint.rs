//! What an endpoint is, and the one macro that declares it.
//!
//! Everything that is known about an endpoint is said once, in an `endpoints!` block of the file named after its noun:
//! the parameter struct, its schema, its reader and the entry of [`crate::endpoints`] all come from there.

use http::Method;
use schemars::SchemaGenerator;
use serde_json::Value;

use crate::envelope::Answer;
use crate::error::ErrorType;
use crate::params::{JsonObject, ParamSet};
use crate::problems::Problems;
use crate::schema::Field;

/// A kind of credential, in the sense of the "Authentication" chapter of the Seam API reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// `Authorization: Bearer seam_...`: one workspace, everything in it.
    ApiKey,
    /// `Authorization: Bearer seam_at...` together with `seam-workspace`.
    PatWithWorkspace,
    /// `Authorization: Bearer seam_at...` without `seam-workspace`.
    PatWithoutWorkspace,
    /// `Authorization: Bearer seam_cst...` or one of the client session headers: the resources of one end user.
    ClientSession,
    /// `seam-publishable-key: seam_pk...` without `authorization`; only for making client sessions.
    PublishableKey,
    /// No credential at all.
    Public,
}

/// A rule about several parameters of an endpoint together. A parameter sent as `null` counts as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// At least one of these has to be there.
    AtLeastOne(&'static [&'static str]),
    /// Not more than one of these may be there.
    AtMostOne(&'static [&'static str]),
    /// Exactly one of these has to be there.
    ExactlyOne(&'static [&'static str]),
}

impl Rule {
    /// Records a problem of the whole input if the rule is broken.
    pub(crate) fn check(self, input: &JsonObject, problems: &mut Problems) {
        let (Self::AtLeastOne(names) | Self::AtMostOne(names) | Self::ExactlyOne(names)) = self;
        let given = names.iter().filter(|name| input.get(**name).is_some_and(|value| !value.is_null())).count();
        let needed = !matches!(self, Self::AtMostOne(_));
        let single = !matches!(self, Self::AtLeastOne(_));
        if needed && given == 0 {
            problems.add(format!("{} is required", alternatives(names)));
        } else if single && given > 1 {
            let rest = if names.len() == 2 { "not both" } else { "not several of them" };
            problems.add(format!("{} may be given, {rest}", alternatives(names)));
        }
    }
}

/// `Either 'a' or 'b'`, `One of 'a', 'b' or 'c'`.
fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.as_slice() {
        [a, b] => format!("Either {a} or {b}"),
        [rest @ .., last] if !rest.is_empty() => format!("One of {} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// An endpoint. The implementing type is the struct of its parameters.
///
/// Implemented by `endpoints!` only.
pub trait Endpoint: ParamSet + Send + 'static {
    /// Name of the declaration, such as `UnlockDoor`.
    const NAME: &'static str;
    /// Path on the server, without host and without trailing slash.
    const PATH: &'static str;
    /// Methods that are served: the semantic one first, then `POST` where it is not the semantic one.
    const METHODS: &'static [Method];
    /// Credentials that are accepted.
    const AUTH: &'static [Credential];
    /// Keys under which the result is answered, all with the same value. Empty: the result's own fields stand beside
    /// `ok` (a void endpoint has none).
    const RESPONSE_KEYS: &'static [&'static str];
    /// Whether a call changes something: such calls honour `Idempotency-Key`.
    const CHANGES: bool;
    /// Rules about several parameters together.
    const RULES: &'static [Rule];
    /// Errors that are peculiar to this endpoint, beyond those that follow from the rest of the declaration; see
    /// [`EndpointInfo::possible_errors`].
    const ERRORS: &'static [ErrorType];
    /// What a successful call answers: `()`, a struct, a `Vec` or a [`crate::envelope::Page`].
    type Response: Answer;

    /// The schema of the parameters, in order of declaration.
    fn params() -> &'static [Field];

    /// What the registry says about this endpoint.
    fn info() -> EndpointInfo;

    /// A check of the parameters beyond [`Rule`]s; runs when each of them could be read.
    fn check(&self, problems: &mut Problems) {
        let _ = problems;
    }

    /// Reads and validates the parameters. On failure all problems are reported.
    fn read(input: &JsonObject) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let params = Self::read_set(input, &mut problems);
        crate::nul::refuse(input, Self::params(), &mut problems);
        for rule in Self::RULES {
            rule.check(input, &mut problems);
        }
        if let Some(params) = &params {
            params.check(&mut problems);
        }
        params.filter(|_| problems.is_empty()).ok_or(problems)
    }
}

/// What is known about a declared endpoint, without its types: for the router's checks, the OpenAPI document and the
/// command line.
#[derive(Debug, Clone)]
pub struct EndpointInfo {
    /// [`Endpoint::NAME`].
    pub name: &'static str,
    /// [`Endpoint::PATH`].
    pub path: &'static str,
    /// [`Endpoint::METHODS`].
    pub methods: &'static [Method],
    /// [`Endpoint::AUTH`].
    pub auth: &'static [Credential],
    /// [`Endpoint::RESPONSE_KEYS`].
    pub response_keys: &'static [&'static str],
    /// The response type as it is written in the declaration, such as `Page<Device>`.
    pub response_type: &'static str,
    /// The schema of the response, see [`Answer::schema`].
    pub response_schema: fn(&mut SchemaGenerator) -> Option<schemars::Schema>,
    /// The kind of action attempt that is answered, if it is one.
    pub attempt: Option<&'static str>,
    /// Whether the answer carries a `pagination` object.
    pub paginated: bool,
    /// Whether the answer goes on as server-sent events.
    pub streams: bool,
    /// [`Endpoint::CHANGES`].
    pub changes: bool,
    /// [`Endpoint::RULES`].
    pub rules: &'static [Rule],
    /// [`Endpoint::ERRORS`].
    pub errors: &'static [ErrorType],
    /// What an official client might miss here, as plain Markdown that goes on after "without"; `None`: nothing.
    pub without: Option<&'static str>,
    /// The doc comment of the declaration.
    pub description: String,
    /// [`Endpoint::params`].
    pub params: &'static [Field],
    /// [`Endpoint::read`], of which only the refusal is kept.
    pub check: fn(&JsonObject) -> Result<(), Problems>,
}

impl EndpointInfo {
    /// The method that clients which know the semantic methods send.
    pub fn semantic_method(&self) -> Method {
        self.methods.first().cloned().unwrap_or(Method::POST)
    }

    /// The default value of the parameter `name`, if it has one.
    pub fn default_of(&self, name: &str) -> Option<&Value> {
        self.params.iter().find(|field| field.name == name)?.default.as_ref()
    }
}

/// Declares the endpoints of a noun, and `endpoints()`, which lists them for the registry.
///
/// ```text
/// endpoints! {
///     /// Unlocks a door.
///     endpoint UnlockDoor {
///         path: "/locks/unlock_door",
///         methods: [POST],                                       // the semantic method first
///         auth: [ApiKey, PatWithWorkspace, ClientSession],
///         response: [action_attempt] => ActionAttempt,           // `[] => ()` answers only `ok`
///         changes: true,
///         attempt: UNLOCK_DOOR,                                  // optional: the kind of action attempt it answers
///         groups: {                                              // optional: parameters shared by endpoints
///             /// Which devices to list.
///             filters: DeviceFilters,
///         },
///         params: {
///             /// Lock to unlock.
///             device_id: DeviceId,                               // required
///             /// Whether to wait longer.
///             sync: bool = false,                                // optional, with a default
///             /// A hint.
///             hint: Option<NonEmptyString>,                      // optional; `Nullable<T>`: `null` is a value
///         },
///         rules: [AtLeastOne("device_id", "hint")],              // optional, see `Rule`
///         check: check_unlock,                                   // optional: fn(&UnlockDoor, &mut Problems)
///         errors: [NotSupported],                                // optional: what does not follow from the above
///         without: "doors of glass",                             // optional: what is not done yet, for the documents
///     }
/// }
/// ```
macro_rules! endpoints {
    ($(
        $(#[doc = $doc:literal])+
        endpoint $name:ident {
            path: $path:literal,
            methods: [$($method:ident),+],
            auth: [$($credential:ident),+],
            response: [$($key:ident),*] => $response:ty,
            changes: $changes:literal,
            $(attempt: $attempt:ident,)?
            $(groups: { $($groups:tt)* },)?
            params: { $($params:tt)* },
            $(rules: [$($rule:ident($($named:literal),+)),+ $(,)?],)?
            $(check: $check:path,)?
            $(errors: [$($error:ident),+],)?
            $(without: $without:literal,)?
        }
    )+) => {
        $(
            $crate::params::param_set! {
                $(#[doc = $doc])+
                $name
                groups { $($($groups)*)? }
                params { $($params)* }
            }

            impl $crate::endpoint::Endpoint for $name {
                const NAME: &'static str = stringify!($name);
                const PATH: &'static str = $path;
                const METHODS: &'static [http::Method] = &[$(http::Method::$method),+];
                const AUTH: &'static [$crate::endpoint::Credential] = &[$($crate::endpoint::Credential::$credential),+];
                const RESPONSE_KEYS: &'static [&'static str] = &[$(stringify!($key)),*];
                const CHANGES: bool = $changes;
                const RULES: &'static [$crate::endpoint::Rule] =
                    &[$($($crate::endpoint::Rule::$rule(&[$($named),+])),+)?];
                const ERRORS: &'static [$crate::error::ErrorType] = &[$($($crate::error::ErrorType::$error),+)?];
                type Response = $response;

                fn params() -> &'static [$crate::schema::Field] {
                    static FIELDS: std::sync::OnceLock<Vec<$crate::schema::Field>> = std::sync::OnceLock::new();
                    FIELDS.get_or_init(<Self as $crate::params::ParamSet>::fields)
                }

                fn info() -> $crate::endpoint::EndpointInfo {
                    $crate::endpoint::EndpointInfo {
                        name: Self::NAME,
                        path: Self::PATH,
                        methods: Self::METHODS,
                        auth: Self::AUTH,
                        response_keys: Self::RESPONSE_KEYS,
                        response_type: stringify!($response),
                        response_schema: <$response as $crate::envelope::Answer>::schema,
                        attempt: [$(stringify!($attempt),)? ""].first().copied().filter(|word| !word.is_empty()),
                        paginated: <$response as $crate::envelope::Answer>::PAGINATED,
                        streams: <$response as $crate::envelope::Answer>::STREAMS,
                        changes: Self::CHANGES,
                        rules: Self::RULES,
                        errors: Self::ERRORS,
                        without: [$($without,)? ""].first().copied().filter(|words| !words.is_empty()),
                        description: $crate::schema::description(&[$($doc),+]),
                        params: Self::params(),
                        check: |input| Self::read(input).map(drop),
                    }
                }

                $(
                    fn check(&self, problems: &mut $crate::problems::Problems) {
                        $check(self, problems);
                    }
                )?
            }
        )+

        /// The endpoints of this noun, for the registry.
        pub(crate) fn endpoints() -> Vec<$crate::endpoint::EndpointInfo> {
            vec![$(<$name as $crate::endpoint::Endpoint>::info()),+]
        }
    };
}

pub(crate) use endpoints;
