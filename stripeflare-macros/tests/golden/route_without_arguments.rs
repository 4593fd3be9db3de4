async fn ping() {}
#[doc(hidden)]
struct ping {}
#[automatically_derived]
impl ::stripeflare::__private::Route for ping {
    const METHOD: ::stripeflare::__private::Method = ::stripeflare::__private::Method::Get;
    const PATH: &'static str = "/ping";
    const NAME: &'static str = ::core::concat!(::core::module_path!(), "::", "ping");
    fn endpoint(
        __request: ::stripeflare::__private::Request,
    ) -> ::stripeflare::__private::ResponseFuture {
        ::stripeflare::__private::boxed(async move {
            let _ = __request;
            ::stripeflare::__private::into_response::<()>(ping().await)
        })
    }
}
