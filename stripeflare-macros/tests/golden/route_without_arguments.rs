async fn ping() {}
#[doc(hidden)]
struct ping {}
#[automatically_derived]
impl ::stripeflare::__private::Route for ping {
    const METHOD: ::stripeflare::__private::Method = ::stripeflare::__private::Method::Get;
    const PATH: &'static str = "/ping";
    const NAME: &'static str = ::core::concat!(::core::module_path!(), "::", "ping");
    const ENDPOINT: ::stripeflare::__private::Endpoint = |__request| {
        use ::stripeflare::__private as __p;
        __p::run(async move {
            let (_, _) = __p::into_parts(__request);
            ::core::result::Result::Ok(__p::into_response::<(), _>(ping().await))
        })
    };
}
#[automatically_derived]
impl<__U> ::stripeflare::__private::RouteOf<__U> for ping {}
