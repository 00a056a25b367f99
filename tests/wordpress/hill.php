<?php
/*
 * Must-use plug-in: what The Hill adds to a plain WordPress. Sections without /category/ in their
 * address, /news, the partner feed of a hundred, bylines of several people, sitemaps by day.
 * Options named hill_* switch on what some sites do.
 */

// Addresses: /homenews/senate/ is a section. Two parents may have a child of the same slug.
add_filter('category_link', fn($link) => str_replace('/category/', '/', $link));
add_filter('wp_unique_term_slug_is_bad_slug', '__return_false');
add_filter('redirect_canonical', fn($to) => isset($_GET['yyyy']) ? false : $to);
// An article stands under its deepest section.
add_filter('post_link_category', function ($first, $all) {
    usort($all, fn($a, $b) => count(get_ancestors($b->term_id, 'category'))
        <=> count(get_ancestors($a->term_id, 'category')));
    return $all[0];
}, 10, 2);

add_action('init', function () {
    add_rewrite_rule('^news/?$', 'index.php?post_type=post', 'top');
    add_feed('partnerfeed-news-feed', 'hill_partner_feed');
    // Co-Authors Plus keeps bylines as terms, in order; their names are nicenames.
    register_taxonomy('author', 'post', array(
        'public' => false, 'rewrite' => false, 'query_var' => false,
        'sort' => true, 'args' => array('orderby' => 'term_order'),
        'show_in_rest' => get_option('hill_coauthors') === 'rest', 'rest_base' => 'coauthors',
    ));
    if (strtok($_SERVER['REQUEST_URI'] ?? '', '?') === '/sitemap.xml') {
        hill_sitemap();
        exit;
    }
}, 20);

function hill_authors($id) {
    $terms = wp_get_object_terms($id, 'author', array('orderby' => 'term_order'));
    return array_map(fn($term) => get_user_by('slug', substr($term->slug, 4)), $terms);
}

// Feeds: a hundred items by the partner feed, fifteen by a section's.
add_filter('pre_option_posts_per_rss', fn($no) =>
    ($_GET['feed'] ?? '') === 'partnerfeed-news-feed' ? get_option('hill_feed_items', 100) : $no);
function hill_partner_feed() {
    // A site that does not page its feed gives the first page for every number.
    if (get_option('hill_feed_pages') === 'no' && get_query_var('paged') > 1) {
        query_posts(array('posts_per_page' => 100));
    }
    header('Content-Type: application/rss+xml; charset=UTF-8');
    echo '<?xml version="1.0" encoding="UTF-8"?>', "\n", '<rss version="2.0"',
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">',
        "<channel>\n<title>The Hill</title><link>https://thehill.com</link>\n";
    while (have_posts()) {
        the_post();
        $names = array_map(fn($user) => $user->display_name, hill_authors(get_the_ID()));
        $creators = array_map(fn($name) => "<dc:creator><![CDATA[$name]]></dc:creator>\n", $names);
        echo '<item><title>', get_the_title_rss(), '</title><link>', get_permalink(), "</link>\n",
            array_shift($creators),
            '<pubDate>', get_post_time('D, d M Y H:i:s +0000', true), "</pubDate>\n",
            '<guid isPermaLink="false">https://thehill.com/?p=', get_the_ID(), "</guid>\n",
            '<dcterms:modified>', get_post_modified_time('Y-m-d\TH:i:s+00:00', true),
            "</dcterms:modified>\n", implode('', $creators), "</item>\n";
    }
    echo '</channel></rss>';
}

// REST: authors cannot be resolved; a site may have a smaller greatest page, or no REST at all.
add_filter('rest_endpoints', fn($routes) =>
    array_filter($routes, fn($name) => !str_contains($name, '/wp/v2/users'), ARRAY_FILTER_USE_KEY));
add_filter('rest_post_collection_params', function ($params) {
    $params['per_page']['maximum'] = (int) get_option('hill_per_page', 100);
    return $params;
});
add_filter('rest_authentication_errors', fn($error) => get_option('hill_rest') !== 'login' ? $error
    : new WP_Error('rest_not_logged_in', 'Please log in.', array('status' => 401)));
add_action('rest_api_init', function () {
    if (get_option('hill_coauthors') !== 'rest') return;
    register_rest_route('coauthors/v1', '/coauthors/(?P<name>[\w-]+)', array(
        'permission_callback' => '__return_true',
        'callback' => function ($request) {
            $user = get_user_by('slug', $request['name']);
            if (!$user) return new WP_Error('rest_not_found', 'None.', array('status' => 404));
            return array('id' => $user->ID, 'display_name' => $user->display_name,
                'user_nicename' => $user->user_nicename,
                'link' => "https://thehill.com/author/$user->user_nicename/");
        },
    ));
});

// Sitemaps, as Metro Sitemap gives them: an index of days, and a file for each.
function hill_sitemap() {
    global $wpdb;
    status_header(get_option('hill_sitemap_status', 200));
    header('Content-Type: application/xml; charset=UTF-8');
    echo '<?xml version="1.0" encoding="UTF-8"?>', "\n";
    $visible = "post_status = 'publish' AND post_type = 'post'";
    $space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"';
    if (!isset($_GET['yyyy'])) {
        echo "<sitemapindex $space>\n";
        foreach ($wpdb->get_col("SELECT DISTINCT DATE(post_date) FROM $wpdb->posts
                WHERE $visible ORDER BY 1 DESC") as $day) {
            [$y, $m, $d] = explode('-', $day);
            echo "<sitemap><loc>https://thehill.com/sitemap.xml?yyyy=$y&amp;mm=$m&amp;dd=$d</loc>",
                get_option('hill_lastmod') === 'none' ? '' : "<lastmod>$day</lastmod>",
                "</sitemap>\n";
        }
        echo '</sitemapindex>';
        return;
    }
    $day = sprintf('%d-%02d-%02d', $_GET['yyyy'], $_GET['mm'], $_GET['dd']);
    echo "<urlset $space>\n";
    foreach ($wpdb->get_col("SELECT ID FROM $wpdb->posts
            WHERE $visible AND DATE(post_date) = '$day' ORDER BY post_date DESC") as $id) {
        echo '<url><loc>', get_permalink($id), '</loc><lastmod>',
            get_post_modified_time('c', false, $id), "</lastmod></url>\n";
    }
    echo '</urlset>';
}
