//! Parameters as Stripe takes them: form-encoded, with brackets for what is nested.

use super::error::{ApiError, ApiResult};

/// Takers remove what they understand; [`Params::finish`] refuses the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(query: &[u8]) -> Self {
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort();
        self
    }

    /// A text that is not empty. Of a parameter that is there twice, the last counts.
    pub(crate) fn text(&mut self, name: &str) -> ApiResult<Option<String>> {
        let mut found = None;
        self.0.retain_mut(|(key, value)| {
            let hit = key == name;
            if hit {
                found = Some(std::mem::take(value));
            }
            !hit
        });
        match found {
            Some(value) if value.is_empty() => Err(empty(name)),
            found => Ok(found),
        }
    }

    pub(crate) fn required_text(&mut self, name: &str) -> ApiResult<String> {
        self.text(name)?.ok_or_else(|| ApiError::missing(name))
    }

    pub(crate) fn integer(&mut self, name: &str) -> ApiResult<Option<i64>> {
        let Some(value) = self.text(name)? else {
            return Ok(None);
        };
        match value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => {
                let message = format!("Invalid integer: {value}");
                Err(ApiError::parameter("parameter_invalid_integer", name, message))
            }
        }
    }

    pub(crate) fn integer_between(&mut self, name: &str, least: i64, most: i64) -> ApiResult<Option<i64>> {
        let refuse = |message| Err(ApiError::parameter("parameter_invalid_integer", name, message));
        match self.integer(name)? {
            Some(number) if number < least => refuse(format!("This value must be greater than or equal to {least}.")),
            Some(number) if number > most => refuse(format!("This value must be less than or equal to {most}.")),
            number => Ok(number),
        }
    }

    pub(crate) fn boolean(&mut self, name: &str) -> ApiResult<Option<bool>> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(value) => Err(ApiError::invalid(format!("Invalid boolean: {value}")).with_param(name)),
        }
    }

    /// One of several words.
    pub(crate) fn choice(&mut self, name: &str, choices: &[&'static str]) -> ApiResult<Option<&'static str>> {
        let Some(value) = self.text(name)? else {
            return Ok(None);
        };
        match choices.iter().copied().find(|choice| *choice == value) {
            Some(choice) => Ok(Some(choice)),
            None => {
                let message = format!("Invalid {name}: must be one of {}", choices.join(", "));
                Err(ApiError::invalid(message).with_param(name))
            }
        }
    }

    /// `name[]=a&name[]=b` or `name[0]=a&name[1]=b`, in the order given.
    pub(crate) fn list(&mut self, name: &str) -> ApiResult<Vec<String>> {
        let items = self.take_inside(name, |inside| inside.bytes().all(|byte| byte.is_ascii_digit()));
        if items.iter().any(|(_, value)| value.is_empty()) {
            return Err(empty(name));
        }
        Ok(items.into_iter().map(|(_, value)| value).collect())
    }

    /// `name[key]=value`, such as metadata.
    pub(crate) fn map(&mut self, name: &str) -> Vec<(String, String)> {
        self.take_inside(name, |inside| !inside.is_empty() && !inside.contains(['[', ']']))
    }

    fn take_inside(&mut self, name: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let inside = |key: &str| {
            let inside = key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            wanted(inside).then(|| inside.to_owned())
        };
        let mut taken = Vec::new();
        self.0.retain_mut(|(key, value)| match inside(key) {
            Some(inside) => {
                taken.push((inside, std::mem::take(value)));
                false
            }
            None => true,
        });
        taken
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> ApiResult<()> {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() { Ok(()) } else { Err(ApiError::unknown_parameters(&names)) }
    }
}

fn empty(name: &str) -> ApiError {
    let message = format!(
        "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a field; however \
         '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
    );
    ApiError::parameter("parameter_invalid_empty", name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_is_found() {
        let mut params = Params::parse(b"expand[]=a&expand%5B1%5D=b.c&metadata[x]=1&amount=50&created[gte]=7");
        assert_eq!(params.list("expand").unwrap(), ["a", "b.c"]);
        assert_eq!(params.map("metadata"), [("x".to_owned(), "1".to_owned())]);
        assert_eq!(params.integer("amount").unwrap(), Some(50));
        assert_eq!(params.integer("created[gte]").unwrap(), Some(7));
        assert!(params.finish().is_ok());
    }

    #[test]
    fn what_is_unknown_is_refused() {
        let error = Params::parse(b"amout=5").finish().unwrap_err().to_json("req_1");
        assert_eq!(error["error"]["code"], "parameter_unknown");
        assert_eq!(error["error"]["param"], "amout");
    }

    #[test]
    fn values_are_checked() {
        assert!(Params::parse(b"amount=5.0").integer("amount").is_err());
        assert!(Params::parse(b"limit=101").integer_between("limit", 1, 100).is_err());
        assert!(Params::parse(b"active=yes").boolean("active").is_err());
        assert!(Params::parse(b"charge=").text("charge").is_err());
    }
}
