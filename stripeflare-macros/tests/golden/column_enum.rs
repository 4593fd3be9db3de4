#[automatically_derived]
impl renamed::stripeflare::__private::Column for Tier {
    const TYPE: renamed::stripeflare::__private::ColumnType = renamed::stripeflare::__private::ColumnType::Text;
    const VALUES: &'static [&'static str] = &["free", "pro+", "very_large"];
    fn to_value(&self) -> renamed::stripeflare::__private::Value {
        renamed::stripeflare::__private::Value::Text(
            ::std::string::String::from(
                match self {
                    Self::Free => "free",
                    Self::Pro => "pro+",
                    Self::VeryLarge => "very_large",
                },
            ),
        )
    }
    fn from_value(
        __value: renamed::stripeflare::__private::Value,
    ) -> ::core::option::Option<Self> {
        let renamed::stripeflare::__private::Value::Text(__text) = __value else {
            return ::core::option::Option::None
        };
        match &*__text {
            "free" => ::core::option::Option::Some(Self::Free),
            "pro+" => ::core::option::Option::Some(Self::Pro),
            "very_large" => ::core::option::Option::Some(Self::VeryLarge),
            _ => ::core::option::Option::None,
        }
    }
}
