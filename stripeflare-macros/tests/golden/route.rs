/// Greets whoever is calling.
#[cfg(feature = "greeting")]
#[allow(unused_variables)]
pub(crate) async fn hello(account: Account<User>, Json(input): Json<Text>) -> String {
    String::new()
}
#[cfg(feature = "greeting")]
#[doc(hidden)]
pub(crate) struct hello {}
#[cfg(feature = "greeting")]
#[automatically_derived]
impl ::stripeflare::__private::Route for hello {
    const METHOD: ::stripeflare::__private::Method = ::stripeflare::__private::Method::Get;
    const PATH: &'static str = "/hello";
    const NAME: &'static str = ::core::concat!(::core::module_path!(), "::", "hello");
    fn endpoint(
        __request: ::stripeflare::__private::Request,
    ) -> ::stripeflare::__private::ResponseFuture {
        ::stripeflare::__private::boxed(async move {
            let (mut __parts, __body) = ::stripeflare::__private::into_parts(__request);
            let __a0 = match ::stripeflare::__private::from_parts::<
                Account<User>,
            >(&mut __parts)
                .await
            {
                ::core::result::Result::Ok(__value) => __value,
                ::core::result::Result::Err(__response) => return __response,
            };
            let __a1 = match ::stripeflare::__private::from_request::<
                Json<Text>,
                _,
            >(__parts, __body)
                .await
            {
                ::core::result::Result::Ok(__value) => __value,
                ::core::result::Result::Err(__response) => return __response,
            };
            ::stripeflare::__private::into_response::<String>(hello(__a0, __a1).await)
        })
    }
}
