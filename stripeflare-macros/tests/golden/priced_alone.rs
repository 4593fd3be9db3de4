/// Costs a constant at most.
#[deprecated]
pub fn report(
    __request: renamed::stripeflare::__private::Request,
) -> impl ::core::future::Future<
    Output = renamed::stripeflare::__private::Response,
> + ::core::marker::Send {
    #[instrument]
    async fn __handler(Path(id): Path<u32>) -> Result<String> {
        Ok(id.to_string())
    }
    renamed::stripeflare::__private::send(async move {
        const __PRICE: renamed::stripeflare::__private::Price = renamed::stripeflare::__private::Price::up_to(
                prices::REPORT,
            )
            .hold_seconds(60u32)
            .route(::core::concat!(::core::module_path!(), "::", "report"));
        let (mut __parts, __body) = renamed::stripeflare::__private::into_parts(
            __request,
        );
        let (__call, __body) = match renamed::stripeflare::__private::Call::begin(
                &mut __parts,
                __body,
                &__PRICE,
            )
            .await
        {
            ::core::result::Result::Ok(__begun) => __begun,
            ::core::result::Result::Err(__response) => return __response,
        };
        let __a0 = match renamed::stripeflare::__private::from_request::<
            Path<u32>,
            _,
        >(__parts, __body)
            .await
        {
            ::core::result::Result::Ok(__value) => __value,
            ::core::result::Result::Err(__response) => return __response,
        };
        let __charge = match __call.reserve().await {
            ::core::result::Result::Ok(__charge) => __charge,
            ::core::result::Result::Err(__response) => return __response,
        };
        let __response = renamed::stripeflare::__private::into_response::<
            Result<String>,
        >(__handler(__a0).await);
        __charge.settle(__response).await
    })
}
