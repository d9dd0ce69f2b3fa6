const FIRST =
  'Ada Amir Bela Chen Dora Emeka Fatima Goran Hana Ilse Jonas Keiko Lars Mei Nadia Omar Priya Quentin Rosa Sven'
const LAST =
  'Almeida Bauer Costa Dubois Eriksen Fischer Gupta Haddad Ivanova Jensen Kowalski Lopez Moreau Nakamura Okafor'
const WORDS =
  'adapter battery bearing blue bracket cable camera case charger cover desk drill engine filter frame glass green handle heavy hinge holder kit lamp large lens light long mount outdoor panel plate pump red replacement ring screen seal sensor set short small solar spare stand steel strap switch valve wheel white wide window wireless'
const STATES = ['new', 'paid', 'packed', 'sent', 'delivered', 'returned']
const CITIES = ['Accra', 'Berlin', 'Bogotá', 'Chennai', 'Dakar', 'Göteborg', 'Kyiv', 'Lima', 'Osaka', 'Porto', 'Tunis']

/** 2026-01-01, in ms. */
const EPOCH = 1_767_225_600_000
const YEAR = 365 * 24 * 60 * 60 * 1000

type Random = () => number

/** A JSON array of orders, at most so many bytes and not much less; the same seed makes the same ones. */
export function ordersAsJson(bytes: number, seed: number): Uint8Array {
  const random = randomFrom(seed)
  const orders: string[] = []
  let length = 2
  for (;;) {
    const order = JSON.stringify(makeOrder(random))
    length += Buffer.byteLength(order) + 1
    if (length > bytes) return Buffer.from(`[${orders.join(',')}]`)
    orders.push(order)
  }
}

function makeOrder(random: Random): object {
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)]
  const whole = (below: number): number => Math.floor(random() * below)
  const word = (): string | undefined => pick(WORDS.split(' '))
  const [first, last] = [pick(FIRST.split(' ')), pick(LAST.split(' '))]
  const placed = EPOCH + whole(YEAR)
  const lines = Array.from({ length: 1 + whole(4) }, () => ({
    sku: `${whole(36 ** 4).toString(36)}-${whole(100_000)}`,
    title: [word(), word(), word()].join(' '),
    quantity: 1 + whole(9),
    price: whole(50_000) / 100
  }))
  return {
    id: Array.from({ length: 4 }, () => whole(2 ** 32).toString(16)).join('-'),
    number: 1_000_000 + whole(9_000_000),
    status: pick(STATES),
    placedAt: new Date(placed).toISOString(),
    updatedAt: new Date(placed + whole(1_000_000_000)).toISOString(),
    customer: {
      id: whole(1_000_000),
      name: `${first} ${last}`,
      email: `${first}.${last}${whole(100)}@example.org`.toLowerCase(),
      city: pick(CITIES),
      newsletter: random() < 0.3
    },
    lines,
    total: Math.round(lines.reduce((sum, { quantity, price }) => sum + quantity * price, 0) * 100) / 100,
    note: random() < 0.4 ? [word(), word(), word(), word()].join(' ') : null
  }
}

/** Numbers from 0 to 1: a linear congruence of 31 bits, for the bodies need only differ. */
function randomFrom(seed: number): Random {
  let state = 1 + (seed % 2_147_483_646)
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
