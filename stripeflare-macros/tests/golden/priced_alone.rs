/// Costs a constant at most.
#[deprecated]
pub fn report(
    __request: renamed::stripeflare::__private::Request,
) -> renamed::stripeflare::__private::ResponseFuture {
    use renamed::stripeflare::__private as __p;
    const __PRICE: __p::Price = __p::Price::up_to(prices::REPORT).hold_seconds(60u32);
    __p::run(async move {
        let (__call, __parts, __body) = __p::Call::begin(__request, &__PRICE).await?;
        let __a0 = __p::from_request::<Path<u32>, _>(__parts, __body).await?;
        let __charge = __call.reserve().await?;
        let __response = __p::into_response::<
            Result<Priced<String>>,
            _,
        >(report::uncharged(__a0).await);
        ::core::result::Result::Ok(__charge.settle(__response).await)
    })
}
/// Costs a constant at most.
#[doc(hidden)]
pub struct report {}
impl report {
    #[instrument]
    pub async fn uncharged(Path(id): Path<u32>) -> Result<Priced<String>> {
        document(id)
    }
}
