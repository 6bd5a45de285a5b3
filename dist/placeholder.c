typedef int hoop_dist_placeholder;
