-- What the marts count alike.
create macro late_share(delay) as avg((delay >= 15)::int);
create macro rounded(x) as round(x, 2);
