<?php
/*
 * What an editor does, through WordPress' own functions. Each line of standard input is a JSON
 * list of [name, arguments]; a line of standard output is the list of what each gave. Times are
 * "2026-11-01 05:30:00", UTC.
 */
$_SERVER += array('HTTP_HOST' => 'thehill.com', 'HTTPS' => 'on', 'REQUEST_URI' => '/',
    'SERVER_NAME' => 'thehill.com', 'REQUEST_METHOD' => 'GET');
$acts = json_decode(fgets(STDIN), true);
if ($acts[0][0] === 'install') define('WP_INSTALLING', true);
function wp_mail() { return true; }  // tell nobody
require getenv('WORDPRESS') . '/wp-load.php';
remove_action('do_pings', 'do_all_pings');
if (!defined('WP_INSTALLING')) {
    wp_set_current_user(1);
    kses_remove_filters();
}

/** Install, with The Hill's addresses and zone. */
function act_install() {
    require_once ABSPATH . 'wp-admin/includes/upgrade.php';
    wp_install('The Hill', 'desk', 'desk@example.org', true, '', 'invented');
    foreach (array('siteurl' => 'https://thehill.com', 'home' => 'https://thehill.com',
        'permalink_structure' => '/%category%/%post_id%-%postname%/', 'template' => 'hill',
        'stylesheet' => 'hill', 'timezone_string' => 'America/New_York', 'gmt_offset' => '',
        'posts_per_page' => 15, 'posts_per_rss' => 15, 'rss_use_excerpt' => 1,
        'default_ping_status' => 'closed', 'default_comment_status' => 'closed',
    ) as $name => $value) update_option($name, $value);
    foreach (array(1, 2, 3) as $id) wp_delete_post($id, true);
}

/** Make sections, parents first, of "path" => "name"; and authors of nicename => name. */
function act_furnish($sections, $authors) {
    foreach ($sections as $path => $name) {
        $above = str_contains($path, '/') ? get_category_by_path(dirname($path)) : null;
        $made = wp_insert_term($name, 'category',
            array('slug' => basename($path), 'parent' => $above ? $above->term_id : 0));
        if (is_wp_error($made)) throw new Exception("$path: " . $made->get_error_message());
    }
    foreach ($authors as $slug => $name) {
        wp_insert_user(array('user_login' => $slug, 'user_pass' => 'x', 'display_name' => $name,
            'user_nicename' => $slug, 'role' => 'author'));
        wp_insert_term($slug, 'author', array('slug' => "cap-$slug"));
    }
    global $wp_rewrite;
    $wp_rewrite->init();
    flush_rewrite_rules(false);
}

/** Take every post and option away that a test has made. */
function act_clear() {
    global $wpdb;
    foreach (array('posts', 'postmeta', 'term_relationships') as $table) {
        $wpdb->query("TRUNCATE {$wpdb->$table}");
    }
    $wpdb->query("ALTER TABLE $wpdb->posts AUTO_INCREMENT = 5600000");
    $wpdb->query("DELETE FROM $wpdb->options WHERE option_name LIKE 'hill\\_%'");
    wp_cache_flush();
}

/** Write a post; it is published unless $status says otherwise. Returns its number. */
function act_write($title, $section, $date = null, $modified = null, $authors = array('ada-lorn'),
        $body = null, $status = 'publish', $more = array()) {
    $fields = array('post_title' => $title, 'post_status' => $status, 'post_author' => 2,
        'post_content' => $body ?? "<p>What $title is about.</p>\n<p>More of it.</p>",
        'post_category' => array_map(
            fn($path) => get_category_by_path($path)->term_id, (array) $section));
    if ($date) $fields += array('post_date' => get_date_from_gmt($date), 'post_date_gmt' => $date);
    $id = wp_insert_post(wp_slash($more + $fields), true);
    if (is_wp_error($id)) throw new Exception($id->get_error_message());
    act_credit($id, $authors, false);
    if ($modified) act_stamp($id, array('post_modified' => $modified));
    return $id;
}

/** Import posts that all have one time of modification, as a migration does. */
function act_import($count, $section, $date, $modified) {
    $ids = array();
    foreach (range(1, $count) as $number) {
        $ids[] = act_write("Imported $number", $section, $date, $modified);
    }
    return $ids;
}

/** Give a post's times (post_date, post_modified) directly, as time that has passed would. */
function act_stamp($id, $times) {
    global $wpdb;
    foreach ($times as $name => $gmt) {
        $both = array($name => get_date_from_gmt($gmt), "{$name}_gmt" => $gmt);
        $wpdb->update($wpdb->posts, $both, array('ID' => $id));
    }
    clean_post_cache($id);
}

/** Let a scheduled post appear now; it was saved for the last time at $modified. */
function act_appear($id, $date, $modified) {
    act_stamp($id, array('post_date' => $date, 'post_modified' => $modified));
    check_and_publish_future_post($id);
    if (get_post_status($id) !== 'publish') throw new Exception("$id does not appear");
}

/** Change fields of a post, as the editor's "Update" does. */
function act_edit($id, $fields = array()) {
    if (isset($fields['section'])) {
        $fields['post_category'] = array(get_category_by_path($fields['section'])->term_id);
    }
    if (isset($fields['post_date_gmt'])) {
        $fields += array('edit_date' => true,
            'post_date' => get_date_from_gmt($fields['post_date_gmt']));
    }
    $done = wp_update_post(wp_slash(array('ID' => $id) + $fields), true);
    if (is_wp_error($done)) throw new Exception($done->get_error_message());
}

/** Name a post's authors, in order; with $save the post counts as modified. */
function act_credit($id, $authors, $save = true) {
    wp_set_object_terms($id, array_map(fn($slug) => "cap-$slug", $authors), 'author');
    if ($save) act_edit($id);
}

/** Set the form of the addresses of posts. */
function act_permalinks($structure) {
    global $wp_rewrite;
    $wp_rewrite->set_permalink_structure($structure);
    flush_rewrite_rules(false);
}

function act_trash($id) { wp_trash_post($id); }
function act_restore($id) { wp_untrash_post($id); wp_publish_post($id); }
function act_delete($id) { wp_delete_post($id, true); }
function act_option($name, $value) { update_option($name, $value); }

/** Return a post's row and address. */
function act_show($id) {
    $post = get_post($id);
    return array('status' => $post->post_status, 'date' => $post->post_date_gmt,
        'modified' => $post->post_modified_gmt, 'url' => get_permalink($id));
}

do {
    $given = array();
    foreach ($acts as [$name, $arguments]) $given[] = ("act_$name")(...$arguments);
    echo json_encode($given), "\n";
} while ($acts = json_decode((string) fgets(STDIN), true));
