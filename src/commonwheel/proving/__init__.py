"""The proving ground: apps that act, on virtual cars in traffic, in closed loop; what is measured, and the report."""
