import msgspec

from forebay import App, Dead


class Order(msgspec.Struct, forbid_unknown_fields=True):
    product: str
    count: int


app = App("shop")


@app.post("/orders", workers=6)
async def work_off(order: Order) -> dict:
    if order.count == 0:
        raise Dead("nothing was ordered")  # a dead letter, with this reason in its story
    return {"shipped": order.count}  # kept in the store once, however often it is delivered
