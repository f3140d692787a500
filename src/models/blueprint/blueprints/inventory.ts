/** The vetted inventory: items in stock, their suppliers, and what runs low. */
import type { Blueprint } from "../catalog.ts";
import { entity, field, reference } from "./fields.ts";

export function inventory(): Blueprint {
  return {
    name: "Inventory",
    description: "What is in stock, what it is worth, and what runs low.",
    entities: [
      entity(
        "item",
        "name",
        [
          field("Name", "text", { required: true }),
          field("Code", "text", { required: true, unique: true }),
          reference("Supplier", "supplier", "clear"),
          field("Quantity", "integer", { required: true, default: 0, min: 0, unit: "in stock" }),
          field("Reorder at", "integer", { required: true, default: 0, min: 0 }),
          field("Unit cost", "money", { required: true, currency: "EUR", min: 0, sum: false }),
          field("Location", "text"),
          field("Notes", "longtext"),
        ],
        [
          { name: "Oak board, 27 mm", code: "WD-027", supplierId: 0, quantity: 34, reorderAt: 10, unitCost: 18.4, location: "Rack A" },
          { name: "Hinge, brass", code: "HW-110", supplierId: 1, quantity: 6, reorderAt: 24, unitCost: 3.25, location: "Drawer 4" },
          {
            name: "Wood screw 4 × 40, box of 200",
            code: "HW-204",
            supplierId: 1,
            quantity: 15,
            reorderAt: 5,
            unitCost: 9.9,
            location: "Drawer 1",
          },
          {
            name: "Hard oil, 1 l",
            code: "FN-001",
            supplierId: 2,
            quantity: 2,
            reorderAt: 4,
            unitCost: 27.5,
            location: "Cabinet",
            notes: "Keep above 5 °C.",
          },
          { name: "Sandpaper, grit 180", code: "FN-180", supplierId: 2, quantity: 120, reorderAt: 40, unitCost: 0.85, location: "Cabinet" },
          { name: "Clamp, 60 cm", code: "TL-060", quantity: 8, reorderAt: 0, unitCost: 24, location: "Wall" },
        ],
      ),
      entity(
        "supplier",
        "name",
        [
          field("Name", "text", { required: true, unique: true }),
          field("Contact", "text"),
          field("Email", "email"),
          field("Phone", "phone"),
          field("Website", "url"),
        ],
        [
          {
            name: "Nordholz",
            contact: "Jonas Weber",
            email: "orders@nordholz.example.org",
            phone: "+49 40 555 0142",
            website: "https://nordholz.example.org",
          },
          { name: "Castillo Hardware", contact: "Lena Castillo", email: "lena@castillo.example.org", phone: "+34 96 555 0188" },
          { name: "Finish & Co", email: "hello@finish.example.org", website: "https://finish.example.org" },
        ],
      ),
    ],
    features: [{ kind: "stock", item: "item", quantity: "quantity", reorderAt: "reorderAt", unitCost: "unitCost", supplier: "supplierId" }],
  };
}
