/// Greets whoever is calling.
#[cfg(feature = "greeting")]
#[allow(unused_variables)]
pub(crate) async fn hello(account: Account<User>, Json(input): Json<Text>) -> String {
    String::new()
}
#[cfg(feature = "greeting")]
/// Greets whoever is calling.
#[doc(hidden)]
pub(crate) struct hello {}
#[cfg(feature = "greeting")]
#[automatically_derived]
impl ::stripeflare::__private::Route for hello {
    const METHOD: ::stripeflare::__private::Method = ::stripeflare::__private::Method::Get;
    const PATH: &'static str = "/hello";
    const NAME: &'static str = ::core::concat!(::core::module_path!(), "::", "hello");
    const ENDPOINT: ::stripeflare::__private::Endpoint = |__request| {
        use ::stripeflare::__private as __p;
        __p::run(async move {
            let (mut __parts, __body) = __p::into_parts(__request);
            let __a0 = __p::account_from_parts::<Account<User>>(&mut __parts).await?;
            let __a1 = __p::from_request::<Json<Text>, _>(__parts, __body).await?;
            ::core::result::Result::Ok(
                __p::into_response::<String, _>(hello(__a0, __a1).await),
            )
        })
    };
}
#[cfg(feature = "greeting")]
#[automatically_derived]
impl<__U> ::stripeflare::__private::RouteOf<__U> for hello
where
    User: ::stripeflare::__private::RowOf<__U>,
{}
